import { FRAME_COLUMNS } from "./columns.ts";
import type { Frame } from "./frame.ts";

const PLACES = { timestamp: placeOf("timestamp"), received_at: placeOf("received_at") };

/** When each event of a frame happened, or came: milliseconds UTC. Without BigInts, since every chunk is asked. */
export function timesOf({ events, columns }: Frame, name: keyof typeof PLACES): Float64Array {
  const column = columns[PLACES[name]] ?? new Uint8Array();
  const view = new DataView(column.buffer, column.byteOffset, column.byteLength);
  const times = new Float64Array(events);
  for (let event = 0; event < events; event++)
    times[event] = view.getInt32(event * 8 + 4, true) * 0x1_0000_0000 + view.getUint32(event * 8, true);
  return times;
}

function placeOf(name: string): number {
  return FRAME_COLUMNS.findIndex((column) => column.name === name);
}
