import { randomUUID } from "node:crypto";
import type { ScheduledEvent } from "aws-lambda";
import { type Invocation, LOCAL_ACCOUNT, LOCAL_REGION, type LocalFunction } from "../event-source/function.ts";
import type { LocalLog } from "../event-source/local-log.ts";
import type { Clock } from "./clock.ts";
import { parseSchedule } from "./schedule.ts";

export type ScheduledFunction = {
  /** The name of the rule. */
  name: string;
  /** `rate(…)` or `cron(…)`. */
  expression: string;
  timeZone?: string;
  function: LocalFunction<ScheduledEvent>;
  /** Called when the retries are used up. */
  onFailure?: (event: ScheduledEvent, last: Invocation) => Promise<void>;
};

/** Lambda waits a minute before the first retry of an asynchronous event and two before the second. */
const RETRY_AFTER_MS = [60_000, 120_000];
/** A throttled event is offered again for six hours, at most every five minutes. */
const THROTTLED_FOR_MS = 6 * 3_600_000;
const THROTTLED_PAUSE_MS_MAX = 300_000;

/**
 * Invokes functions by the clock as EventBridge does: asynchronously, so a long run delays no tick, with two retries and
 * then the failure destination. Each tick fires once; ticks that passed while nothing ran are not made up for. Throws at
 * once for an expression that AWS refuses. `stop` starts nothing more and waits for the invocations in flight.
 */
export function startScheduler(ports: { schedules: ScheduledFunction[]; clock: Clock; log: LocalLog }): {
  stop: () => Promise<void>;
} {
  const { clock, log } = ports;
  const stopping = new AbortController();
  const { signal } = stopping;
  const running = new Set<Promise<void>>();

  const tick = async (scheduled: ScheduledFunction, nextMs: (afterMs: number) => number | undefined): Promise<void> => {
    for (let dueMs = nextMs(clock.now()); ; dueMs = nextMs(Math.max(dueMs, clock.now()))) {
      if (dueMs === undefined) return log.warn({ schedule: scheduled.name }, "this schedule is never due again");
      await clock.until(dueMs, signal);
      if (signal.aborted) return;
      const work = run(scheduled, eventOf(scheduled.name, dueMs)).finally(() => running.delete(work));
      running.add(work);
    }
  };

  const run = async (scheduled: ScheduledFunction, event: ScheduledEvent): Promise<void> => {
    const about = { schedule: scheduled.name, function: scheduled.function.name, time: event.time };
    for (let failures = 0; ; ) {
      const invocation = await invoke(scheduled, event);
      if (invocation.kind === "returned") return;
      if (signal.aborted) return log.warn(about, "a retry was dropped by the end of this process");
      const error = invocation.kind === "failed" ? { err: invocation.error } : {};
      const pauseMs = invocation.kind === "failed" ? RETRY_AFTER_MS[failures] : undefined;
      if (pauseMs === undefined) {
        log.error({ ...about, ...error, attempts: failures + 1 }, "scheduled run given up");
        await scheduled.onFailure?.(event, invocation).catch((err) => {
          log.error({ ...about, err }, "the failure destination did not take the event");
        });
        return;
      }
      failures += 1;
      log.warn({ ...about, ...error, retry_in_ms: pauseMs }, "scheduled run failed");
      await clock.until(clock.now() + pauseMs, signal);
      if (signal.aborted) return log.warn(about, "a retry was dropped by the end of this process");
    }
  };

  /** Also as often as it is throttled, which is no failure of the function. */
  const invoke = async (scheduled: ScheduledFunction, event: ScheduledEvent): Promise<Invocation> => {
    const untilMs = clock.now() + THROTTLED_FOR_MS;
    for (let pauseMs = 1_000; ; pauseMs = Math.min(pauseMs * 2, THROTTLED_PAUSE_MS_MAX)) {
      const invocation = await scheduled.function.invoke(event);
      if (invocation.kind !== "throttled" || clock.now() >= untilMs || signal.aborted) return invocation;
      await clock.until(clock.now() + pauseMs, signal);
    }
  };

  const parsed = ports.schedules.map((scheduled) => ({
    scheduled,
    schedule: parseSchedule(scheduled.expression, scheduled.timeZone),
  }));
  const ticking = parsed.map(({ scheduled, schedule }) => tick(scheduled, schedule.nextMs));
  const stop = async (): Promise<void> => {
    stopping.abort();
    await Promise.all(ticking);
    await Promise.all(running);
  };
  return { stop };
}

const eventOf = (name: string, dueMs: number): ScheduledEvent => ({
  version: "0",
  id: randomUUID(),
  "detail-type": "Scheduled Event",
  source: "aws.events",
  account: LOCAL_ACCOUNT,
  time: new Date(dueMs).toISOString().replace(/\.\d+Z$/, "Z"),
  region: LOCAL_REGION,
  resources: [`arn:aws:events:${LOCAL_REGION}:${LOCAL_ACCOUNT}:rule/${name}`],
  detail: {},
});
