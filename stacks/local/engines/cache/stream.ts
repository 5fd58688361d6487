import { RedisError } from "./reply.ts";

/** `ms-seq`, the two numbers by which entries are ordered. */
export type StreamId = { ms: number; seq: number };
export type StreamEntry = { id: StreamId; fields: string[] };
export type Stream = { entries: StreamEntry[]; last: StreamId };

export const LOWEST: StreamId = { ms: 0, seq: 0 };
export const HIGHEST: StreamId = { ms: Number.MAX_SAFE_INTEGER, seq: Number.MAX_SAFE_INTEGER };

export const newStream = (): Stream => ({ entries: [], last: LOWEST });
export const compareIds = (a: StreamId, b: StreamId): number => a.ms - b.ms || a.seq - b.seq;
export const showId = ({ ms, seq }: StreamId): string => `${ms}-${seq}`;

/** Reads `ms` or `ms-seq`; a missing sequence is `seq`. Throws Redis' error for anything else. */
export function parseId(text: string, seq: number): StreamId {
  const match = /^(\d{1,16})(?:-(\d{1,16}))?$/.exec(text);
  if (match === null) throw new RedisError("ERR Invalid stream ID specified as stream command argument");
  return { ms: Number(match[1]), seq: match[2] === undefined ? seq : Number(match[2]) };
}

/** The id of the next entry: the clock's, or one above the last where the clock stood still or went back. */
export function nextId({ last }: Stream, nowMs: number): StreamId {
  return nowMs > last.ms ? { ms: nowMs, seq: 0 } : { ms: last.ms, seq: last.seq + 1 };
}

/** Drops the oldest entries above `lengthMax`, and says how many. */
export function trim(stream: Stream, lengthMax: number): number {
  const surplus = Math.max(0, stream.entries.length - lengthMax);
  stream.entries.splice(0, surplus);
  return surplus;
}
