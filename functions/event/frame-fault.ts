import { FRAME_COLUMNS } from "./columns.ts";
import type { Frame } from "./frame.ts";
import { textOffsets } from "./frame-bytes.ts";

/**
 * What is wrong with the texts of a frame, or undefined. To walk along all of them costs a hundredth of what an event
 * costs, so that only a frame that somebody could not store is asked.
 */
export function faultIn({ events, columns }: Frame): string | undefined {
  for (const [at, { name, wire }] of FRAME_COLUMNS.entries()) {
    if (wire !== "String") continue;
    try {
      textOffsets(columns[at] ?? new Uint8Array(), events);
    } catch {
      return `the texts of ${name} are not those of ${events} events`;
    }
  }
  return undefined;
}
