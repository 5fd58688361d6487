import type { ReceivedEvent } from "../event/event.ts";
import { AppError } from "../kit/errors.ts";

/**
 * An event that was sent more than `lateAfterMs` before it came is refused with `late_event`; one without `sentAt` is
 * never late, nor one from a clock that is ahead. Decision 9, I-09, C-22.
 */
export function rejectLate<Event extends Pick<ReceivedEvent, "sentAt" | "receivedAt">>(
  event: Event,
  lateAfterMs: number,
): Event {
  const { sentAt, receivedAt } = event;
  if (sentAt === undefined || receivedAt - sentAt <= lateAfterMs) return event;
  const hours = Math.floor((receivedAt - sentAt) / HOUR_MS);
  const limit = lateAfterMs / HOUR_MS;
  throw new AppError("late_event", `The event was sent ${hours} hours ago, the limit is ${limit} (LATE_AFTER_HOURS).`, {
    field: "sentAt",
  });
}

const HOUR_MS = 60 * 60 * 1_000;
