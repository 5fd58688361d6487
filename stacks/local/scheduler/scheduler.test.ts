import type { ScheduledEvent } from "aws-lambda";
import { expect, test } from "vitest";
import { createFunction, type Invocation, type LambdaHandler } from "../event-source/function.ts";
import { type Clock, realClock } from "./clock.ts";
import { type ScheduledFunction, startScheduler } from "./scheduler.ts";

const START = Date.parse("2026-01-30T22:47:30Z");
const MINUTE = 60_000;

/** A clock that stands still until it is moved; whoever is due on the way is woken in order. */
function handClock() {
  let nowMs = START;
  const waiting = new Set<{ atMs: number; wake: () => void }>();
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  const clock: Clock = {
    now: () => nowMs,
    until: async (atMs, signal) => {
      if (atMs <= nowMs || signal.aborted) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      const waiter = { atMs, wake: resolve };
      waiting.add(waiter);
      signal.addEventListener("abort", () => resolve());
      await promise;
      waiting.delete(waiter);
    },
  };
  const advance = async (ms: number) => {
    const endMs = nowMs + ms;
    for (;;) {
      await settle();
      const [next] = [...waiting].filter(({ atMs }) => atMs <= endMs).toSorted((one, other) => one.atMs - other.atMs);
      if (!next) break;
      nowMs = Math.max(nowMs, next.atMs);
      waiting.delete(next);
      next.wake();
    }
    nowMs = endMs;
  };
  /** As a laptop that slept: time has passed, nobody was woken on the way. */
  const sleep = async (ms: number) => {
    nowMs += ms;
    await advance(0);
  };
  return { clock, advance, sleep };
}

function schedulerOf(
  handler: LambdaHandler<ScheduledEvent>,
  more: Partial<ScheduledFunction> & { concurrencyMax?: number } = {},
) {
  const { clock, advance, sleep } = handClock();
  const log: { level: string; message: string }[] = [];
  const logAt = (level: string) => (_fields: object, message: string) => void log.push({ level, message });
  const { concurrencyMax = 1_000 } = more;
  const { stop } = startScheduler({
    clock,
    log: { info: logAt("info"), warn: logAt("warn"), error: logAt("error") },
    schedules: [
      {
        name: "every-five",
        expression: "rate(5 minutes)",
        function: createFunction({ name: "job", handler, timeoutMs: 600_000, concurrencyMax }),
        ...more,
      },
    ],
  });
  return { stop, advance, sleep, log };
}

test("each tick fires once, with the event of EventBridge and its due time", async () => {
  const events: ScheduledEvent[] = [];
  const { stop, advance } = schedulerOf((event) => void events.push(event));
  await advance(2 * MINUTE);
  expect(events).toEqual([]);
  await advance(10 * MINUTE);
  expect(events.map(({ time }) => time)).toEqual(["2026-01-30T22:50:00Z", "2026-01-30T22:55:00Z"]);
  expect(events[0]).toEqual({
    version: "0",
    id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    "detail-type": "Scheduled Event",
    source: "aws.events",
    account: "000000000000",
    time: "2026-01-30T22:50:00Z",
    region: "us-east-1",
    resources: ["arn:aws:events:us-east-1:000000000000:rule/every-five"],
    detail: {},
  });
  expect(events[1]?.id).not.toBe(events[0]?.id);
  await stop();
});

test("a run that takes long delays no tick", async () => {
  const times: string[] = [];
  const gate = Promise.withResolvers<void>();
  const { stop, advance } = schedulerOf(({ time }) => {
    times.push(time);
    return gate.promise;
  });
  await advance(13 * MINUTE);
  expect(times.length).toBe(3);
  gate.resolve();
  await stop();
});

test("ticks that passed while the machine slept are not made up for, and the next ones are on time", async () => {
  const times: string[] = [];
  const { stop, advance, sleep } = schedulerOf(({ time }) => void times.push(time));
  await advance(0);
  await sleep(63 * MINUTE);
  await advance(5 * MINUTE);
  expect(times).toEqual(["2026-01-30T22:50:00Z", "2026-01-30T23:55:00Z"]);
  await stop();
});

test("a run that fails is tried again after one minute and after two more, then goes to the failure destination", async () => {
  const tries: string[] = [];
  const failed: { event: ScheduledEvent; last: Invocation }[] = [];
  const { stop, advance, log } = schedulerOf(
    ({ time }) => {
      tries.push(time);
      throw new Error("no");
    },
    { expression: "cron(50 22 30 1 ? 2026)", onFailure: async (event, last) => void failed.push({ event, last }) },
  );
  await advance(2.5 * MINUTE);
  expect(tries.length).toBe(1);
  await advance(MINUTE);
  expect(tries.length).toBe(2);
  await advance(1.9 * MINUTE);
  expect([tries.length, failed.length]).toEqual([2, 0]);
  await advance(0.2 * MINUTE);
  expect([tries.length, failed.length]).toEqual([3, 1]);
  expect(new Set(tries)).toEqual(new Set(["2026-01-30T22:50:00Z"]));
  expect(failed[0]).toMatchObject({ event: { time: "2026-01-30T22:50:00Z" }, last: { kind: "failed" } });
  await advance(60 * MINUTE);
  expect(tries.length).toBe(3);
  expect(log.map(({ message }) => message)).toContain("this schedule is never due again");
  await stop();
});

test("a throttled run is no failure: it is offered again until there is room", async () => {
  const gate = Promise.withResolvers<void>();
  let runs = 0;
  const busy = createFunction<ScheduledEvent>({
    name: "busy",
    timeoutMs: 600_000,
    concurrencyMax: 1,
    handler: () => {
      runs += 1;
      return runs === 1 ? gate.promise : undefined;
    },
  });
  const failed: unknown[] = [];
  const { stop, advance } = schedulerOf(() => {}, {
    function: busy,
    onFailure: async (event) => void failed.push(event),
  });
  await advance(20 * MINUTE);
  expect(runs).toBe(1);
  gate.resolve();
  await advance(5 * MINUTE);
  expect([runs >= 4, failed]).toEqual([true, []]);
  await stop();
});

test("stop waits for the run in flight and starts nothing more, not even a retry", async () => {
  const gate = Promise.withResolvers<void>();
  let [started, ended] = [0, 0];
  const { stop, advance, log } = schedulerOf(async () => {
    started += 1;
    await gate.promise;
    ended += 1;
    throw new Error("would be tried again");
  });
  await advance(3 * MINUTE);
  const stopped = stop();
  await advance(30 * MINUTE);
  expect([started, ended]).toEqual([1, 0]);
  gate.resolve();
  await stopped;
  expect([started, ended]).toEqual([1, 1]);
  expect(log.map(({ message }) => message)).toContain("a retry was dropped by the end of this process");
});

test("an expression that AWS refuses is an error at the start, not a schedule that never runs", () => {
  expect(() => schedulerOf(() => {}, { expression: "rate(1 minutes)" })).toThrow(/refused by AWS/);
});

test("the real clock is never early, and ends a wait at once when aborted", async () => {
  const stopping = new AbortController();
  const atMs = Date.now() + 30;
  await realClock.until(atMs, stopping.signal);
  expect(Date.now()).toBeGreaterThanOrEqual(atMs);
  const long = realClock.until(Date.now() + 60 * 86_400_000, stopping.signal);
  stopping.abort();
  await long;
});
