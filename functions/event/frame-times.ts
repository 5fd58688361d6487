import { FRAME_COLUMNS } from "./columns.ts";
import type { Frame } from "./frame.ts";

const [HAPPENED, RECEIVED] = [placeOf("timestamp"), placeOf("received_at")];
const NONE = new Uint8Array();

/**
 * Whether `isRight` says so of every event of a frame, by when it happened and when it came, milliseconds UTC. Every chunk
 * is asked, and most of its frames may hold one event: so without BigInts, views or lists.
 */
export function everyTime(
  { events, columns }: Frame,
  isRight: (timestamp: number, receivedAt: number) => boolean,
): boolean {
  const [happened, received] = [columns[HAPPENED] ?? NONE, columns[RECEIVED] ?? NONE];
  for (let at = 0; at < events * 8; at += 8) if (!isRight(int64At(happened, at), int64At(received, at))) return false;
  return true;
}

/** When each event of a frame happened, milliseconds UTC. */
export function timesOf(frame: Frame): number[] {
  const times: number[] = [];
  everyTime(frame, (timestamp) => times.push(timestamp) > 0);
  return times;
}

function placeOf(name: string): number {
  return FRAME_COLUMNS.findIndex((column) => column.name === name);
}

/** As a number: exact for what a Date can hold. */
const int64At = (bytes: Uint8Array, at: number): number =>
  int32At(bytes, at + 4) * 0x1_0000_0000 + (int32At(bytes, at) >>> 0);

const int32At = (bytes: Uint8Array, at: number): number =>
  (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
