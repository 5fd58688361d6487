import { CONTEXT_COLUMNS, FRAME_COLUMNS, JSON_COLUMNS } from "../functions/event/columns.ts";
import { createBytes } from "../functions/event/frame-bytes.ts";
import { uuidBytes } from "../functions/kit/id.ts";
import { jsonTexts, type NativeColumn, nativeBlock } from "../functions/stores/clickhouse/native-block.ts";

/** Where and when the made-up events happen: 20 workspaces of very different size, 30 days, 16 shards, frames of 20. */
export const WORKSPACES = 20;
export const DAYS = 30;
export const START_MS = Date.UTC(2026, 0, 1);
export const SHARDS = 16;
const FRAME_EVENTS = 20;
const DAY_MS = 86_400_000;

export const workspaceId = (index: number): string => `00000000-0000-4000-8000-${String(index + 1).padStart(12, "0")}`;
export const seqOf = (frame: number): string => `4967${String(frame).padStart(52, "0")}`;
export const messageIdOf = (row: number): string => `msg-${(row * 2_654_435_761) % 4_294_967_296}-${row}-a1b2c3d4e5f6`;
/** Rows come in order of time, a few of them late. */
export const timeOf = (row: number, rows: number): number => {
  const at = START_MS + Math.floor((row / rows) * DAYS * DAY_MS);
  return row % 50 === 0 ? Math.max(START_MS, at - ((row * 7_919) % DAY_MS)) : at;
};

/** Event names with the 8 properties that each sends; 25 names in a workspace, some 120 names of properties in all. */
const EVENTS = Array.from({ length: 25 }, (_, event) => ({
  name: ["Product Viewed", "Product Added", "Checkout Started", "Order Completed"][event] ?? `Feature ${event} Used`,
  properties: [
    "price",
    "currency",
    "product_id",
    "quantity",
    ...[0, 1, 2, 3].map((p) => `detail_${(event * 4 + p) % 116}`),
  ],
}));

/**
 * One insert of made-up events in the shapes of performance.md (8 properties, 11 context paths, some 550 bytes), as a
 * block of ClickHouse's Native format: `count` rows from the `first` on, of `rows` in all, with the JSON columns as `jsonType`
 * or as String. The same numbers give the same bytes.
 */
export function blockOf(first: number, count: number, rows: number): (jsonType: string) => Uint8Array {
  const random = randomFrom(first + 1);
  const columns = new Map<string, ReturnType<typeof createBytes>>();
  const nulls = new Map<string, Uint8Array>();
  for (const { name } of FRAME_COLUMNS) columns.set(name, createBytes());
  const workspaces = createBytes();
  const shard = createBytes();
  const seq = createBytes();
  const sub = createBytes();
  const put = (name: string, value: string) => columns.get(name)?.text(value);
  for (const name of ["original_timestamp", "sent_at"]) nulls.set(name, new Uint8Array(count));

  for (let row = first; row < first + count; row++) {
    const workspace = Math.floor(random() ** 3 * WORKSPACES);
    const at = timeOf(row, rows);
    const user = Math.floor(random() ** 2 * 10_000) + workspace * 10_000;
    const dice = random();
    const type =
      dice < 0.7
        ? "track"
        : dice < 0.92
          ? "page"
          : dice < 0.97
            ? "identify"
            : dice < 0.985
              ? "screen"
              : dice < 0.997
                ? "group"
                : "alias";
    const event = EVENTS[Math.floor(random() ** 2 * EVENTS.length)] ?? EVENTS[0];
    workspaces.raw(uuidBytes(workspaceId(workspace)));
    columns.get("source_id")?.raw(uuidBytes(workspaceId(900 + workspace * 3 + (user % 3))));
    put("message_id", messageIdOf(row));
    put("type", type);
    put("event", type === "track" ? (event?.name ?? "") : "");
    put("user_id", user % 3 === 0 ? `user-${user}` : "");
    put("anonymous_id", `anon-${(user * 2_654_435_761) % 4_294_967_296}-${user}`);
    put("group_id", type === "group" ? `group-${user % 100}` : "");
    put("previous_id", type === "alias" ? `anon-old-${user}` : "");
    put("name", type === "page" || type === "screen" ? `Page ${user % 40}` : "");
    put("category", "");
    columns.get("timestamp")?.int64(at);
    columns.get("original_timestamp")?.int64(at - 40);
    columns.get("sent_at")?.int64(at);
    columns.get("received_at")?.int64(START_MS + Math.floor((row / rows) * DAYS * DAY_MS) + 120);
    const own: Partial<Record<(typeof CONTEXT_COLUMNS)[number], string>> = {
      ip: `203.0.${user % 256}.${(user >> 8) % 256}`,
      user_agent: `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 Chrome/12${user % 10}.0 Safari/537.36`,
      locale: ["en-US", "de-DE", "fr-FR", "ja-JP"][user % 4] ?? "",
      timezone: ["Europe/Berlin", "America/New_York", "Asia/Tokyo"][user % 3] ?? "",
      library_name: "analytics.js",
      library_version: "4.1.0",
      page_url: `https://shop.example/products/${Math.floor(random() * 500)}?ref=${user % 7}`,
      page_path: `/products/${Math.floor(random() * 500)}`,
    };
    for (const path of CONTEXT_COLUMNS) put(`context.${path}`, own[path] ?? "");
    const properties = JSON.stringify(type === "track" ? propertiesOf(event?.properties ?? [], random) : {});
    const traits = JSON.stringify(type === "identify" || type === "group" ? traitsOf(user, random) : {});
    const context = JSON.stringify({ screen_width: 1_920, screen_height: 1_080, network_wifi: user % 2 === 0 });
    put("properties", properties);
    put("traits", traits);
    put("context", context);
    const frame = Math.floor(row / FRAME_EVENTS);
    shard.text(`shardId-${String(Math.floor(first / count) % SHARDS).padStart(12, "0")}`);
    seq.raw(Buffer.from(seqOf(frame)));
    sub.raw(Buffer.from(Uint32Array.of(row % FRAME_EVENTS).buffer));
  }

  const bytesOf = new Map([...columns].map(([name, column]) => [name, column.taken()]));
  return (jsonType) => {
    const wire: NativeColumn[] = [
      { name: "workspace_id", type: "UUID", bytes: [workspaces.taken()] },
      ...FRAME_COLUMNS.map(({ name, wire: type }) => {
        const bytes = [bytesOf.get(name) ?? new Uint8Array()];
        const none = nulls.get(name);
        if (none) return { name, type, nulls: [none], bytes };
        return JSON_COLUMNS.includes(name) && jsonType !== "String"
          ? jsonTexts(name, jsonType, bytes)
          : { name, type, bytes };
      }),
      { name: "_shard", type: "String", bytes: [shard.taken()] },
      { name: "_seq", type: "FixedString(56)", bytes: [seq.taken()] },
      { name: "_sub", type: "UInt32", bytes: [sub.taken()] },
    ];
    return Buffer.concat(nativeBlock(count, wire));
  };
}

export const COLUMN_NAMES = ["workspace_id", ...FRAME_COLUMNS.map(({ name }) => name), "_shard", "_seq", "_sub"];

function propertiesOf(names: readonly string[], random: () => number) {
  return Object.fromEntries(
    names.map((name, index) => {
      if (name === "price") return [name, Math.floor(random() * 50_000) / 100];
      if (name === "currency") return [name, random() < 0.8 ? "EUR" : "USD"];
      if (name === "product_id") return [name, `sku-${Math.floor(random() * 2_000)}`];
      if (name === "quantity") return [name, 1 + Math.floor(random() * 5)];
      if (index % 4 === 0) return [name, random() < 0.5];
      if (index % 4 === 1) return [name, Math.floor(random() * 1_000)];
      if (index % 4 === 2) return [name, [`tag${Math.floor(random() * 20)}`, `tag${Math.floor(random() * 20)}`]];
      return [name, `value ${Math.floor(random() * 5_000)} of ${name}`];
    }),
  );
}

const traitsOf = (user: number, random: () => number) => ({
  email: `user${user}@example.com`,
  plan: ["free", "pro", "team"][user % 3],
  seats: Math.floor(random() * 50),
  company_name: `Company ${user % 300}`,
  created_at: "2025-03-01T10:00:00.000Z",
  active: true,
});

/** mulberry32: small, fast, the same on every machine. */
function randomFrom(seed: number): () => number {
  let state = (seed * 2_654_435_761) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = state;
    value = Math.imul(value ^ (value >>> 15), value | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) / 4_294_967_296;
  };
}
