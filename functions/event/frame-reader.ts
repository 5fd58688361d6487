import { uuidOf } from "../kit/id.ts";
import { FRAME_COLUMNS } from "./columns.ts";
import type { Frame } from "./frame.ts";
import { textAt, textOffsets } from "./frame-bytes.ts";

/** One value of a frame as it will be read from the table: text, a UUID, milliseconds UTC, or null. */
export type FrameValue = string | number | null;

/** The values of one column of a frame, in the order of its events. Throws for a column that frames do not have. */
export function valuesOf(frame: Frame, name: string): FrameValue[] {
  const at = FRAME_COLUMNS.findIndex((column) => column.name === name);
  const column = frame.columns[at];
  const wire = FRAME_COLUMNS[at]?.wire;
  if (!column || !wire) throw new Error(`frames have no column ${name}`);
  const bytes = Buffer.from(column.buffer, column.byteOffset, column.byteLength);
  const each = <T>(read: (index: number) => T) => Array.from({ length: frame.events }, (_, index) => read(index));
  if (wire === "String") {
    const offsets = textOffsets(column, frame.events);
    return each((index) => textAt(bytes, offsets[index] ?? 0));
  }
  if (wire === "UUID") return each((index) => uuidOf(bytes.subarray(index * 16, index * 16 + 16)));
  const nulls = wire.startsWith("Nullable") ? frame.events : 0;
  return each((index) => (nulls > 0 && bytes[index] === 1 ? null : Number(bytes.readBigInt64LE(nulls + index * 8))));
}
