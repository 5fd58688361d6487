import { decodeFrame, encodeColumns, type Frame, markArchived } from "../event/frame.ts";
import { orderKeyOfFrame } from "../event/frame-key.ts";
import { valuesOf } from "../event/frame-reader.ts";
import type { SpilledFrame } from "../event/retry.ts";
import { selectEvents } from "../event/select-events.ts";
import { messageOf } from "../kit/errors.ts";
import { log } from "../kit/log.ts";

/** What is chosen of an archive: by when an event was received (milliseconds UTC, `to` left out) and by its source. */
export type Chosen = { from: number; to: number; sourceId?: string | undefined };

/** A frame on its way back to the stream, and how many events it holds. */
export type ChosenFrame = { frame: SpilledFrame; events: number };

/**
 * The chosen events of an archived record as a frame for the retry queue, marked so that it is not archived again;
 * undefined when none is chosen. A record that this version cannot read, or that is another workspace's, is "skipped".
 * It goes where the door would put it now.
 */
export function chosenFrame(
  workspaceId: string,
  record: Buffer,
  chosen: Chosen,
  orderBuckets: number,
): ChosenFrame | "skipped" | undefined {
  const frame = readable(workspaceId, record);
  if (!frame) return "skipped";
  const times = valuesOf(frame, "received_at");
  const sources = chosen.sourceId === undefined ? undefined : valuesOf(frame, "source_id");
  const places = times.flatMap((time, place) => {
    const inTime = Number(time) >= chosen.from && Number(time) < chosen.to;
    return inTime && (!sources || sources[place] === chosen.sourceId) ? [place] : [];
  });
  if (places.length === 0) return undefined;
  const kept = selectEvents(frame, places);
  // The object's bytes are not written to: they are marked as a copy.
  const again = kept === frame ? Buffer.from(record) : encodeColumns(kept);
  markArchived(again);
  return { frame: { kind: "frame", ...orderKeyOfFrame(kept, orderBuckets), record: again }, events: kept.events };
}

function readable(workspaceId: string, record: Buffer): Frame | undefined {
  try {
    const frame = decodeFrame(record);
    if (frame.workspaceId === workspaceId) return frame;
    log.error({ workspace_id: workspaceId, found: frame.workspaceId }, "the archive holds another workspace's frame");
  } catch (error) {
    log.error({ workspace_id: workspaceId, error: messageOf(error) }, "an archived frame cannot be read");
  }
  return undefined;
}
