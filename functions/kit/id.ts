import { randomFillSync } from "node:crypto";

const pool = Buffer.alloc(10 * 256);
let used = pool.length;

/** A UUID version 7 (RFC 9562): 48 bits of `nowMs`, then 74 random bits, so that ids sort by time. */
export function newId(nowMs: number = Date.now()): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const hex = nowMs.toString(16).padStart(12, "0") + pool.toString("hex", used, used + 10);
  used += 10;
  const variant = ((Number.parseInt(hex[16] ?? "0", 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** Whether a text is a UUID of any version, in capitals or not. */
export const isUuid = (text: string): boolean => UUID.test(text);

const bytesByUuid = new Map<string, Buffer>();
const UUIDS_MAX = 10_000;

/**
 * A UUID's 16 bytes as ClickHouse keeps them: two 64-bit halves, each little-endian. Not to be written to: the few ids
 * of workspaces and sources that recur in every event are kept. Throws on anything but a UUID.
 */
export function uuidBytes(uuid: string): Uint8Array {
  const kept = bytesByUuid.get(uuid);
  if (kept) return kept;
  if (!isUuid(uuid)) throw new Error(`not a UUID: ${uuid}`);
  const bytes = Buffer.from(uuid.replaceAll("-", ""), "hex");
  bytes.subarray(0, 8).reverse();
  bytes.subarray(8, 16).reverse();
  if (bytesByUuid.size >= UUIDS_MAX) bytesByUuid.clear();
  bytesByUuid.set(uuid, bytes);
  return bytes;
}

/** The UUID of 16 bytes that `uuidBytes` made. */
export function uuidOf(bytes: Uint8Array): string {
  const hex = Buffer.from([...bytes.subarray(0, 8)].reverse().concat([...bytes.subarray(8, 16)].reverse())).toString(
    "hex",
  );
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
