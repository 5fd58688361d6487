import { FRAME_COLUMNS, VALUE_BYTES, type WireType } from "./columns.ts";
import type { Frame } from "./frame.ts";
import { textOffsets } from "./frame-bytes.ts";

/** The frame with only the events at `kept`, which ascend; the same frame when all of them are. */
export function selectEvents(frame: Frame, kept: readonly number[]): Frame {
  if (kept.length === frame.events) return frame;
  const suspects = Uint8Array.from(kept, (index) => frame.suspects[index] ?? 0);
  const columns = frame.columns.map((column, at) =>
    selectValues(column, FRAME_COLUMNS[at]?.wire ?? "String", frame.events, kept),
  );
  return { ...frame, events: kept.length, suspects, columns };
}

function selectValues(column: Uint8Array, wire: WireType, events: number, kept: readonly number[]): Uint8Array {
  if (wire === "String") {
    const offsets = textOffsets(column, events);
    return Buffer.concat(kept.map((index) => column.subarray(offsets[index], offsets[index + 1])));
  }
  const nullable = wire.startsWith("Nullable");
  const bytes = VALUE_BYTES[wire] - (nullable ? 1 : 0);
  const values = nullable ? column.subarray(events) : column;
  const selected = kept.map((index) => values.subarray(index * bytes, (index + 1) * bytes));
  return Buffer.concat([...(nullable ? [Uint8Array.from(kept, (index) => column[index] ?? 0)] : []), ...selected]);
}
