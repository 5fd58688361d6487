import { constants, crc32, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { uuidBytes, uuidOf } from "../kit/id.ts";
import { jsonText } from "../kit/json-text.ts";
import { CONTEXT_COLUMNS, FRAME_COLUMNS, VALUE_BYTES } from "./columns.ts";
import { contextColumnsOf } from "./context-columns.ts";
import type { CheckedEvent } from "./event.ts";
import { createBytes } from "./frame-bytes.ts";

/**
 * A stream record: events of one workspace and order bucket, column by column, each column exactly the bytes that
 * ClickHouse's Native format wants. The door encodes once; the consumer concatenates columns and never looks inside,
 * unless a function or a repeat makes it.
 *
 *   byte 0      codec: 3 raw with a CRC-32 of the body (little-endian, 4 bytes before it), 4 zstd with its own checksum
 *               (1 and 2 were raw and gzip, without the columns of migration 0002)
 *   byte 1      flags: bit 0 = suspect, the put of this frame was repeated (decision 15a); bit 1 = it comes from the
 *               archive, which has its events already
 *   bytes 2–5   number of events, little-endian
 *   body        workspace id (16 bytes), one flag byte an event (bit 0 = suspect), then for each of FRAME_COLUMNS the
 *               length in bytes (4, little-endian) and the values; a nullable column is its null map, then its values
 */
export type Frame = {
  workspaceId: string;
  events: number;
  /** One byte an event: 1 where the store must look the message id up before it inserts. */
  suspects: Uint8Array;
  /** The values of FRAME_COLUMNS, in their order. */
  columns: readonly Uint8Array[];
};

const RAW = 3;
const ZSTD = 4;
const HEADER_BYTES = 6;
const SUSPECT = 1;
const ARCHIVED = 2;
/** Below this, compression costs more than the 25 KB units of a put could ever save (performance.md 4.3). */
const COMPRESS_FROM_BYTES = 1_200;
/**
 * Level 1: 100 events cost 0.8 µs each and 62 bytes, where gzip's level 1 took 1.7 µs and 66 (measured, Node 24). The
 * checksum is of the content, so that a flipped bit is refused; a window of 64 KB is as good as the usual one of 512.
 */
const ZSTD_OPTIONS = {
  params: {
    [constants.ZSTD_c_compressionLevel]: 1,
    [constants.ZSTD_c_checksumFlag]: 1,
    [constants.ZSTD_c_windowLog]: 16,
  },
};
/**
 * Characters of one frame, unless a single event has more: in UTF-8 at most 900 KB, so that a frame fits a record of
 * 1 MiB even when nothing of it can be compressed.
 */
export const FRAME_CHARS_MAX = 300_000;
/** One event of 1,000 keys of 255 characters in each of its three bags stays below it; more after inflating is a fault. */
const INFLATED_BYTES_MAX = 8 * 1_024 * 1_024;

/** An event whose objects are text already: the last time that anybody looks inside before the table. */
export type EncodedEvent = {
  event: CheckedEvent;
  properties: string;
  traits: string;
  contextOwn: readonly string[];
  contextRest: string;
  /** UTF-16 units of all its texts. */
  chars: number;
};

/** Turns an event's objects into the texts that a frame holds. */
export function encodeEvent(event: CheckedEvent): EncodedEvent {
  const properties = jsonText(event.properties);
  const traits = jsonText(event.traits);
  const { own, rest } = contextColumnsOf(event.context);
  let chars = properties.length + traits.length + rest.length;
  for (const text of own) chars += text.length;
  for (const name of TEXTS) chars += event[name].length;
  return { event, properties, traits, contextOwn: own, contextRest: rest, chars };
}

/** The record of `events`, all of one workspace and partition key. Decision 8. */
export const encodeFrame = (workspaceId: string, events: readonly EncodedEvent[]): Buffer =>
  recordOf(events.length, bodyOf(workspaceId, events));

/** The record of a frame that was read, or of what was kept of it. */
export function encodeColumns({ workspaceId, events, suspects, columns }: Frame): Buffer {
  bytes.reset();
  bytes.raw(uuidBytes(workspaceId));
  bytes.raw(suspects);
  for (const column of columns) {
    const start = bytes.startColumn();
    bytes.raw(column);
    bytes.endColumn(start);
  }
  return recordOf(events, bytes.taken());
}

function recordOf(events: number, body: Buffer): Buffer {
  const codec = body.length < COMPRESS_FROM_BYTES ? RAW : ZSTD;
  const payload = codec === ZSTD ? compressed(body) : Buffer.concat([crcOf(body), body]);
  const header = Buffer.alloc(HEADER_BYTES);
  header[0] = codec;
  header.writeUInt32LE(events, 2);
  return Buffer.concat([header, payload]);
}

/** The same record, to be put again after an attempt whose outcome nobody knows: every event in it is suspect. */
export function markSuspect(record: Uint8Array): void {
  record[1] = (record[1] ?? 0) | SUSPECT;
}

/** The same record, to be put again from the archive, which will not keep its events a second time. */
export function markArchived(record: Uint8Array): void {
  record[1] = (record[1] ?? 0) | ARCHIVED;
}
export const isArchived = (record: Uint8Array): boolean => ((record[1] ?? 0) & ARCHIVED) !== 0;

/** The columns of fixed size: their place, and the bytes of a value. */
const FIXED = FRAME_COLUMNS.flatMap(({ wire }, at) => (wire === "String" ? [] : [[at, VALUE_BYTES[wire]] as const]));

/** How many events a record holds, without inflating it. */
export const eventsIn = (record: Buffer): number => (record.length < HEADER_BYTES ? 0 : record.readUInt32LE(2));

/** Reads a record. Throws when it is of another version, cut, or not the bytes that were written. */
export function decodeFrame(record: Buffer): Frame {
  if (record.length < HEADER_BYTES) throw new Error("a frame has at least 6 bytes");
  if ((record[1] ?? 0) > (SUSPECT | ARCHIVED)) throw new Error(`this reader does not know the flags ${record[1]}`);
  const body = payloadOf(record);
  const events = record.readUInt32LE(2);
  const workspaceId = uuidOf(body.subarray(0, 16));
  const suspects = Uint8Array.from(body.subarray(16, 16 + events));
  if (((record[1] ?? 0) & SUSPECT) !== 0) suspects.fill(1);
  let at = 16 + events;
  const columns = FRAME_COLUMNS.map(() => {
    const bytes = body.readUInt32LE(at);
    at += 4 + bytes;
    if (at > body.length) throw new Error("a column of the frame is cut");
    return body.subarray(at - bytes, at);
  });
  if (at !== body.length) throw new Error("the frame has bytes behind its last column");
  // The head lies outside the checksum; the columns of fixed size tell how many events there are.
  if (FIXED.some(([at, bytes]) => columns[at]?.length !== events * bytes))
    throw new Error("the frame holds another number of events than it says");
  return { workspaceId, events, suspects, columns };
}

function payloadOf(record: Buffer): Buffer {
  const payload = record.subarray(HEADER_BYTES);
  if (record[0] === ZSTD) return zstdDecompressSync(payload, { maxOutputLength: INFLATED_BYTES_MAX });
  if (record[0] !== RAW) throw new Error(`this reader knows frames of codec 3 and 4, not ${record[0]}`);
  const body = payload.subarray(4);
  if (!crcOf(body).equals(payload.subarray(0, 4))) throw new Error("the frame's checksum is wrong");
  return body;
}

/** Node's own buffer is as large as a chunk, and making it costs more than filling it: as many bytes as the body shrinks to. */
const compressed = (body: Buffer): Buffer =>
  zstdCompressSync(body, { ...ZSTD_OPTIONS, chunkSize: body.length < 32_000 ? 4_096 : 16_384 });

function crcOf(body: Buffer): Buffer {
  const crc = Buffer.alloc(4);
  crc.writeUInt32LE(crc32(body));
  return crc;
}

/** The text columns, in the order of FRAME_COLUMNS. */
const TEXTS = [
  "messageId",
  "type",
  "event",
  "userId",
  "anonymousId",
  "groupId",
  "previousId",
  "name",
  "category",
] as const;

/** Reused by every frame of this process: encoding is synchronous, and its result is copied out. */
const bytes = createBytes();

function bodyOf(workspaceId: string, events: readonly EncodedEvent[]): Buffer {
  bytes.reset();
  bytes.raw(uuidBytes(workspaceId));
  for (const { event } of events) bytes.uint8(event.suspect ? SUSPECT : 0);
  const column = (write: (encoded: EncodedEvent) => void) => {
    const start = bytes.startColumn();
    for (const encoded of events) write(encoded);
    bytes.endColumn(start);
  };
  const nullableTimes = (timeOf: (event: CheckedEvent) => number | undefined) => {
    const start = bytes.startColumn();
    for (const { event } of events) bytes.uint8(timeOf(event) === undefined ? 1 : 0);
    for (const { event } of events) bytes.int64(timeOf(event) ?? 0);
    bytes.endColumn(start);
  };

  column(({ event }) => bytes.raw(uuidBytes(event.sourceId)));
  for (const name of TEXTS) column(({ event }) => bytes.text(event[name]));
  column(({ event }) => bytes.int64(event.timestamp));
  nullableTimes((event) => event.originalTimestamp);
  nullableTimes((event) => event.sentAt);
  column(({ event }) => bytes.int64(event.receivedAt));
  column(({ event }) => bytes.text(event.warnings.join(",")));
  CONTEXT_COLUMNS.forEach((_, path) => {
    column(({ contextOwn }) => bytes.text(contextOwn[path] ?? ""));
  });
  column(({ properties }) => bytes.text(properties));
  column(({ traits }) => bytes.text(traits));
  column(({ contextRest }) => bytes.text(contextRest));
  return bytes.taken();
}
