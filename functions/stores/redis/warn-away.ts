import { messageOf } from "../../kit/errors.ts";
import { log } from "../../kit/log.ts";

const EVERY_MS = 1_000;

/** A warning that is written at most once a second, with how many there were since the last line. */
export function createWarnAway(message: string, now: () => number): (error: unknown) => void {
  let quietUntil = 0;
  let times = 0;
  return (error) => {
    times++;
    if (now() < quietUntil) return;
    const cause = error instanceof Error && error.cause !== undefined ? messageOf(error.cause) : undefined;
    log.warn({ times, error: messageOf(error), cause }, message);
    quietUntil = now() + EVERY_MS;
    times = 0;
  };
}
