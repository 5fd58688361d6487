import { parseCron } from "./cron.ts";

/** When something is due. `nextMs` is the first time strictly after `afterMs`, undefined when there is none any more. */
export type Schedule = { nextMs: (afterMs: number) => number | undefined };

const UNIT_MS: Record<string, number> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

/**
 * Reads an EventBridge schedule expression, `rate(…)` or `cron(…)`. Throws with what is wrong and how it is spelled for
 * whatever AWS refuses. A cron is read in `timeZone`. A rate counts from midnight UTC of 1970 and not, as on AWS, from
 * the rule's creation: a laptop that is started every morning would never reach the first tick of `rate(1 day)`.
 */
export function parseSchedule(expression: string, timeZone = "UTC"): Schedule {
  const [, kind, body = ""] = /^(rate|cron)\((.*)\)$/.exec(expression) ?? [];
  if (kind === "rate") return parseRate(expression, body);
  if (kind === "cron") return parseCron(body, timeZone);
  throw new Error(`"${expression}" is no schedule: write rate(value unit) or cron(six fields)`);
}

function parseRate(expression: string, body: string): Schedule {
  const [, digits = "", unit = "", plural = ""] = /^(\d+) (minute|hour|day)(s?)$/.exec(body) ?? [];
  const value = Number(digits);
  const everyMs = value * (UNIT_MS[unit] ?? 0);
  if (everyMs === 0)
    throw new Error(
      `"${expression}" is no rate: write a positive number and minute, minutes, hour, hours, day or days`,
    );
  if ((value === 1) === (plural === "s"))
    throw new Error(`"${expression}" is refused by AWS: the unit of ${value} is ${value === 1 ? unit : `${unit}s`}`);
  return { nextMs: (afterMs) => (Math.floor(afterMs / everyMs) + 1) * everyMs };
}
