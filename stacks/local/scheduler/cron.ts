import { Cron } from "croner";
import { CRON_FIELDS, translateField } from "./cron-field.ts";
import type { Schedule } from "./schedule.ts";

/**
 * AWS's cron of six fields (minutes, hours, day of month, month, day of week with 1 = Sunday, year) on croner, which
 * numbers and spells some of them otherwise. Around a change of the clock it does what EventBridge Scheduler documents:
 * a time that does not exist is skipped, and one that exists twice is due once.
 */
export function parseCron(body: string, timeZone: string): Schedule {
  const fields = body.trim().split(/\s+/);
  if (fields.length !== CRON_FIELDS.length)
    throw new Error(
      `cron(${body}) has ${fields.length} fields: AWS wants ${CRON_FIELDS.map(({ name }) => name).join(", ")}`,
    );
  const [minutes, hours, dayOfMonth, month, dayOfWeek, year] = fields.map((text, index) => translateField(index, text));
  if ((fields[2] === "?") === (fields[4] === "?"))
    throw new Error(`cron(${body}) is refused by AWS: exactly one of day-of-month and day-of-week must be ?`);

  const wallClock = wallClockOf(timeZone);
  const pattern = ["0", minutes, hours, dayOfMonth, month, dayOfWeek, year].join(" ");
  const cron = new Cron(pattern, { mode: "7-part", alternativeWeekdays: true, timezone: timeZone, paused: true });
  const isDue = (at: Date): boolean => cron.match(at) && !isSecondPass(at, wallClock);
  const nextMs = (afterMs: number): number | undefined => {
    let at = cron.nextRun(new Date(afterMs));
    while (at && !isDue(at)) at = cron.nextRun(at);
    return at?.getTime();
  };
  return { nextMs };
}

/** Clocks go back by an hour, on Lord Howe Island by half of one. */
const isSecondPass = (at: Date, wallClock: (at: Date) => string): boolean =>
  [30, 60].some((minutes) => wallClock(new Date(at.getTime() - minutes * 60_000)) === wallClock(at));

function wallClockOf(timeZone: string): (at: Date) => string {
  try {
    const format = new Intl.DateTimeFormat("en", {
      timeZone,
      dateStyle: "short",
      timeStyle: "short",
      hourCycle: "h23",
    });
    return (at) => format.format(at);
  } catch (error) {
    throw new Error(`"${timeZone}" is no time zone: write an IANA name such as Europe/Berlin`, { cause: error });
  }
}
