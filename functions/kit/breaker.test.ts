import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type BreakerState, createBreaker, createBreakers } from "./breaker.ts";

const AWAY = new Error("away");
const fails = () => Promise.reject(AWAY);
const works = () => Promise.resolve("stored");
const clock = () => {
  const time = { ms: 1_000_000 };
  const pass = (ms: number) => {
    time.ms += ms;
  };
  return { now: () => time.ms, pass };
};
/** A call that ends when it is told to. */
const pending = () => {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  return { call: () => promise, succeed: () => resolve("stored"), fail: () => reject(AWAY) };
};
const times = (count: number) => Array.from({ length: count }, (_, index) => index);

describe("a breaker", () => {
  const failed = async (count: number, time = clock()) => {
    const breaker = createBreaker(time);
    for (const _ of times(count)) await expect(breaker.run(fails)).rejects.toBe(AWAY);
    return { breaker, ...time };
  };

  test("opens with the fifth failure in a row, and then makes no call and says when to try again", async () => {
    const { breaker, now } = await failed(4);
    expect(breaker.state()).toEqual({ kind: "closed", round: 0, failures: 4 });
    await expect(breaker.run(fails)).rejects.toBe(AWAY);
    const tryAgainAt = now() + 30_000;
    expect(breaker.state()).toEqual({ kind: "open", round: 1, tryAgainAt });
    const never = () => expect.unreachable("a call through an open breaker");
    expect(await breaker.run(never)).toEqual({ kind: "open", tryAgainAt });
  });

  test("counts failures in a row only: a success between them starts anew", async () => {
    const { breaker } = await failed(4);
    expect(await breaker.run(works)).toEqual({ kind: "done", value: "stored" });
    for (const _ of times(4)) await expect(breaker.run(fails)).rejects.toBe(AWAY);
    expect(breaker.state().kind).toBe("closed");
  });

  test("stays open for the whole of its reset time, and lets a call through when it is over", async () => {
    const { breaker, pass } = await failed(5);
    pass(29_999);
    expect((await breaker.run(works)).kind).toBe("open");
    pass(1);
    expect((await breaker.run(works)).kind).toBe("done");
    expect(breaker.state()).toMatchObject({ kind: "closed", failures: 0 });
  });

  test("half open lets exactly one call through, and asks the others to come again in a second", async () => {
    const { breaker, pass, now } = await failed(5);
    pass(30_000);
    const probe = pending();
    const first = breaker.run(probe.call);
    expect(breaker.state().kind).toBe("half-open");
    pass(70_000);
    expect(await breaker.run(works)).toEqual({ kind: "open", tryAgainAt: now() + 1_000 });
    probe.succeed();
    expect((await first).kind).toBe("done");
    expect((await breaker.run(works)).kind).toBe("done");
  });

  test("half open opens again for another reset time when its one call fails", async () => {
    const { breaker, pass, now } = await failed(5);
    pass(30_000);
    await expect(breaker.run(fails)).rejects.toBe(AWAY);
    expect(breaker.state()).toMatchObject({ kind: "open", tryAgainAt: now() + 30_000 });
  });

  test("is not moved by a call from before it opened, however it ends", async () => {
    const time = clock();
    const breaker = createBreaker(time);
    const [late, later] = [pending(), pending()];
    const [stale, staler] = [breaker.run(late.call), breaker.run(later.call)];
    for (const _ of times(5)) await expect(breaker.run(fails)).rejects.toBe(AWAY);
    const open = breaker.state();
    late.succeed();
    await stale;
    expect(breaker.state()).toEqual(open);
    time.pass(30_000);
    await breaker.run(works);
    later.fail();
    await expect(staler).rejects.toBe(AWAY);
    expect(breaker.state()).toMatchObject({ kind: "closed", failures: 0 });
  });

  test("does not open for errors that are not the sink's, and closes for one", async () => {
    const time = clock();
    const breaker = createBreaker({ ...time, isFailure: (error) => error === AWAY });
    const refused = () => Promise.reject(new Error("bad row"));
    for (const _ of times(9)) await expect(breaker.run(refused)).rejects.toThrow("bad row");
    expect(breaker.state().kind).toBe("closed");
    for (const _ of times(5)) await expect(breaker.run(fails)).rejects.toBe(AWAY);
    time.pass(30_000);
    await expect(breaker.run(refused)).rejects.toThrow("bad row");
    expect(breaker.state().kind).toBe("closed");
  });

  test("counts a call that throws before it waits", async () => {
    const breaker = createBreaker({ ...clock(), settings: { maxFailures: 1, resetTimeoutMs: 10 } });
    const throws = () => {
      throw AWAY;
    };
    await expect(breaker.run(throws)).rejects.toBe(AWAY);
    expect(breaker.state().kind).toBe("open");
  });
});

type Step = { do: "call" } | { do: "end"; nth: number; ok: boolean } | { do: "pass"; ms: number };
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("call" as const) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("end" as const), nth: fc.nat(5), ok: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.integer({ min: 0, max: 150 }) }) },
);

test("whatever the order of calls, ends and waits: half open one call is under way, open none is made, and it never stays shut", async () => {
  const settings = { maxFailures: 3, resetTimeoutMs: 100 };
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80, size: "max" }), async (steps: Step[]) => {
      const time = clock();
      const breaker = createBreaker({ ...time, settings });
      const flying: (ReturnType<typeof pending> & { ended: Promise<unknown>; probe: boolean })[] = [];
      for (const each of steps) {
        if (each.do === "pass") time.pass(each.ms);
        if (each.do === "call") call(breaker, time.now(), flying);
        if (each.do === "end") {
          const [one] = flying.splice(each.nth, 1);
          if (each.ok) one?.succeed();
          else one?.fail();
          await one?.ended;
        }
        expect(flying.filter(({ probe }) => probe).length).toBe(breaker.state().kind === "half-open" ? 1 : 0);
      }
      for (const one of flying) {
        one.succeed();
        await one.ended;
      }
      time.pass(settings.resetTimeoutMs);
      expect((await breaker.run(works)).kind).toBe("done");
    }),
    { numRuns: 500 },
  );
});

/** Calls, and checks against the state before it whether the call was to be made. */
function call(
  breaker: ReturnType<typeof createBreaker>,
  now: number,
  flying: (ReturnType<typeof pending> & { ended: Promise<unknown>; probe: boolean })[],
): void {
  const before: BreakerState = breaker.state();
  const mayGo = before.kind === "closed" || (before.kind === "open" && now >= before.tryAgainAt);
  const one = pending();
  let made = false;
  const ended = breaker.run(() => {
    made = true;
    return one.call();
  });
  expect(made).toBe(mayGo);
  if (made) flying.push({ ...one, ended: ended.catch(() => undefined), probe: before.kind !== "closed" });
}

describe("breakers of several sinks", () => {
  const opened = () => {
    const time = clock();
    const sinks = createBreakers(
      {
        main: { maxFailures: 2, failover: "second" },
        second: { maxFailures: 1, resetTimeoutMs: 5_000, failover: "main" },
      },
      time,
    );
    const told: string[] = [];
    const run = (sink: string, away: string[]) =>
      sinks.run(sink, (to) => {
        told.push(to);
        return away.includes(to) ? fails() : works();
      });
    return { ...time, sinks, told, run };
  };

  test("a failed call is thrown, not made elsewhere: it may have been applied", async () => {
    const { run, told } = opened();
    await expect(run("main", ["main"])).rejects.toBe(AWAY);
    expect(told).toEqual(["main"]);
  });

  test("while a sink is open its failover takes what comes, and the sink itself again when it is back", async () => {
    const { run, told, pass } = opened();
    for (const _ of times(2)) await expect(run("main", ["main"])).rejects.toBe(AWAY);
    expect((await run("main", ["main"])).kind).toBe("done");
    pass(30_000);
    expect((await run("main", [])).kind).toBe("done");
    expect(told).toEqual(["main", "main", "second", "main"]);
  });

  test("when all are open no call is made, sinks that name each other included, and the soonest time is told", async () => {
    const { run, told, now, sinks } = opened();
    for (const _ of times(3)) await expect(run("main", ["main", "second"])).rejects.toBe(AWAY);
    expect(await run("main", [])).toEqual({ kind: "open", tryAgainAt: now() + 5_000 });
    expect(told).toEqual(["main", "main", "second"]);
    expect([...sinks.states()].map(([name, { kind }]) => [name, kind])).toEqual([
      ["main", "open"],
      ["second", "open"],
    ]);
  });

  test("a failover or a call that names no sink is an error", async () => {
    expect(() => createBreakers({ main: { failover: "toString" } }, clock())).toThrow('no sink is called "toString"');
    const { run } = opened();
    await expect(run("third", [])).rejects.toThrow('no sink is called "third"');
  });
});
