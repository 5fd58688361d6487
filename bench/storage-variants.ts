/** A variant of the table: what it changes in the text of `sql/clickhouse/0001_events.up.sql`. */
type Variant = (created: string) => string;

const json =
  (parameters: string): Variant =>
  (created) =>
    created.replaceAll(/^( +(?:properties|traits|context)) JSON.*?,$/gm, `$1 JSON${parameters},`);
const key =
  (columns: string): Variant =>
  (created) =>
    created.replace(/ORDER BY \(.*\)/, `ORDER BY (${columns})`);
const setting =
  (name: string, value: string | number): Variant =>
  (created) =>
    `${created.trimEnd()}, ${name} = ${value}`;
const all =
  (...variants: Variant[]): Variant =>
  (created) =>
    variants.reduce((text, variant) => variant(text), created);

const compact = setting("min_bytes_for_wide_part", 1_073_741_824);

export const VARIANTS: Record<string, Variant> = {
  base: (created) => created,
  text: (created) => created.replaceAll(/^( +(?:properties|traits|context)) JSON.*?,$/gm, "$1 String,"),
  compact,
  json0: json("(max_dynamic_paths = 0)"),
  json0c: all(compact, json("(max_dynamic_paths = 0)")),
  json16: json("(max_dynamic_paths = 16)"),
  json64: json("(max_dynamic_paths = 64)"),
  json64c: all(compact, json("(max_dynamic_paths = 64)")),
  json256: json("(max_dynamic_paths = 256)"),
  key_time: key("workspace_id, timestamp"),
  key_event: key("workspace_id, type, event, timestamp"),
  key_day_event: key("workspace_id, toDate(timestamp), type, event, timestamp"),
};
