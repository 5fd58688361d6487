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
    `${created.trimEnd().replace(new RegExp(`, ${name} = \\w+`), "")}, ${name} = ${value}`;
const all =
  (...variants: Variant[]): Variant =>
  (created) =>
    variants.reduce((text, variant) => variant(text), created);

const text: Variant = (created) => created.replaceAll(/^( +(?:properties|traits|context)) JSON.*?,$/gm, "$1 String,");
const plain: Variant = (created) => created.replaceAll("LowCardinality(String)", "String");

export const VARIANTS: Record<string, Variant> = {
  base: (created) => created,
  text,
  plain_strings: plain,
  json0: json("(max_dynamic_paths = 0)"),
  json16: json("(max_dynamic_paths = 16)"),
  json64: json("(max_dynamic_paths = 64)"),
  json1024: json("(max_dynamic_paths = 1024)"),
  wide_inserts: setting("min_level_for_wide_part", 0),
  key_type: key("workspace_id, type, timestamp"),
  key_time: key("workspace_id, timestamp"),
  key_event: key("workspace_id, type, event, timestamp"),
  key_day_event: key("workspace_id, toDate(timestamp), type, event, timestamp"),
  text_type: all(text, key("workspace_id, type, timestamp")),
  text_time: all(text, key("workspace_id, timestamp")),
  text_event: all(text, key("workspace_id, type, event, timestamp")),
  text_day_event: all(text, key("workspace_id, toDate(timestamp), type, event, timestamp")),
};
