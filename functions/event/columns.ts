/**
 * The columns of `events`, in the order in which a frame carries them (see `frame.ts`) and an insert names them.
 * `wire` is the type in which a value travels in ClickHouse's Native format; the engine casts it to the table's own
 * type on insert. Adding a column is a new frame version and a migration. Decision 14a.
 */
export type WireType = "String" | "UUID" | "DateTime64(3, 'UTC')" | "Nullable(DateTime64(3, 'UTC'))";

/** Bytes of one value of the types that have a fixed size; of a nullable one with its byte of the null map. */
export const VALUE_BYTES: Record<Exclude<WireType, "String">, number> = {
  UUID: 16,
  "DateTime64(3, 'UTC')": 8,
  "Nullable(DateTime64(3, 'UTC'))": 9,
};

/** Context paths that every SDK sends: columns of their own named `context.<path>`, beside the JSON column `context`. */
export const CONTEXT_COLUMNS = [
  "ip",
  "user_agent",
  "locale",
  "timezone",
  "library_name",
  "library_version",
  "page_url",
  "page_path",
  "page_referrer",
  "page_search",
  "page_title",
  "campaign_name",
  "campaign_source",
  "campaign_medium",
  "campaign_term",
  "campaign_content",
  "device_type",
  "os_name",
  "os_version",
  "app_version",
  // What the door adds: the place of the address before it was reduced, and a mark on robots (C-24, B-22).
  "geo_country",
  "geo_region",
  "geo_city",
  "is_bot",
] as const;

/** JSON text in a frame, JSON columns in the table. */
export const JSON_COLUMNS: readonly string[] = ["properties", "traits", "context"];

const text = (name: string) => ({ name, wire: "String" as WireType });

/** Per event, as a frame carries them. */
export const FRAME_COLUMNS: readonly { name: string; wire: WireType }[] = [
  { name: "source_id", wire: "UUID" },
  ...["message_id", "type", "event", "user_id", "anonymous_id", "group_id", "previous_id", "name", "category"].map(
    text,
  ),
  { name: "timestamp", wire: "DateTime64(3, 'UTC')" },
  { name: "original_timestamp", wire: "Nullable(DateTime64(3, 'UTC'))" },
  { name: "sent_at", wire: "Nullable(DateTime64(3, 'UTC'))" },
  { name: "received_at", wire: "DateTime64(3, 'UTC')" },
  // Codes with commas between them.
  text("warnings"),
  ...CONTEXT_COLUMNS.map((path) => text(`context.${path}`)),
  ...JSON_COLUMNS.map(text),
];
