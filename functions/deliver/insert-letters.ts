import type { DeadLetter } from "../event/dead-letter.ts";
import { eventsIn } from "../event/frame-event.ts";
import { valuesOf } from "../event/frame-reader.ts";
import { letterIdOf } from "./dead-letter.ts";
import type { Selected } from "./selected.ts";

/** A time that a letter can have: of a broken clock none is known. */
const TIME_MS_MAX = Date.UTC(2200, 0, 1);

/**
 * What the table does not take, event by event: named by its place, so that a retry makes the very same letters. `field`
 * where one is to blame.
 */
export function insertLetters(
  shard: string,
  { seq, frame, subs }: Selected,
  { message, field = "" }: { message: string; field?: string },
): DeadLetter[] {
  const sources = valuesOf(frame, "source_id");
  const received = valuesOf(frame, "received_at");
  return eventsIn(frame).map((event, place) => {
    const sub = subs[place] ?? 0;
    const said = Number(received[place]);
    const receivedAt = said >= 0 && said <= TIME_MS_MAX ? said : 0;
    return {
      id: letterIdOf(shard, seq, sub, "insert"),
      workspaceId: frame.workspaceId,
      sourceId: String(sources[place]),
      messageId: String(event.messageId),
      type: String(event.type),
      event: String(event.event ?? ""),
      stage: "insert",
      code: "insert_failed",
      field,
      message,
      payloadKind: "event",
      payload: JSON.stringify(event),
      attempt: 1,
      trace: `${shard}:${seq}:${sub}`,
      replayId: "",
      receivedAt,
      rejectedAt: receivedAt,
    };
  });
}
