import { describe, expect, test, vi } from "vitest";
import { decodeFrame } from "../event/frame.ts";
import { aCheckedEvent, WORKSPACE } from "../testing/builders.ts";
import { aStream, type PutScript } from "../testing/fakes.ts";
import { createPublish, type PublishPorts, type PutResult } from "./publish.ts";

// The bound on memory is tested with as much memory.
vi.setConfig({ testTimeout: 120_000 });

/** Publishing over a scripted stream and a clock that only waiting moves. */
function aPublish(script: PutScript[] = [], ports: Partial<PublishPorts> = {}) {
  const stream = aStream(script);
  let now = 0;
  const waited: number[] = [];
  const publish = createPublish({
    putFrames: stream.putFrames,
    spill: async (puts) => puts.map(() => "refused"),
    now: () => now,
    wait: async (ms) => {
      waited.push(ms);
      now += ms;
    },
    orderBuckets: 4,
    budgetMs: 300,
    ...ports,
  });
  return { publish, stream, waited, pass: (ms: number) => (now += ms) };
}
const event = (messageId: string, anonymousId = "anon-1") => aCheckedEvent({ messageId, anonymousId });
const all =
  (result: PutResult): PutScript =>
  (puts) =>
    puts.map(() => result);
/** A call that is answered when the test says so. */
function held(): { script: PutScript; answer: (result: PutResult) => void } {
  const { promise, resolve } = Promise.withResolvers<PutResult>();
  return { script: async (puts) => promise.then((result) => puts.map(() => result)), answer: resolve };
}
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("group commit", () => {
  test("has one call in flight at a time; what comes meanwhile goes together in the next, one frame a key", async () => {
    const first = held();
    const { publish, stream } = aPublish([first.script]);
    const done = [publish(WORKSPACE, [event("a")])];
    await turn();
    for (let index = 0; index < 50; index++)
      done.push(publish(WORKSPACE, [event(`b${index}`), event(`c${index}`, `anon-${index}`)]));
    await turn();
    expect(stream.calls).toHaveLength(1);
    first.answer("stored");
    expect((await Promise.all(done)).flat().every((result) => result === "stored")).toBe(true);
    expect(stream.calls).toHaveLength(2);
    expect(stream.calls[1]?.length).toBeLessThanOrEqual(4);
    expect(stream.inFlightMax()).toBe(1);
    expect(stream.ids().flat()).toHaveLength(101);
  });

  test("puts calls of one turn of the event loop together, without waiting for a timer", async () => {
    const { publish, stream, waited } = aPublish();
    await Promise.all(Array.from({ length: 20 }, (_, index) => publish(WORKSPACE, [event(`m${index}`)])));
    expect(stream.calls).toHaveLength(1);
    expect(stream.ids()).toEqual([Array.from({ length: 20 }, (_, index) => `m${index}`)]);
    expect(waited).toEqual([]);
  });

  test("never mixes workspaces in a frame", async () => {
    const { publish, stream } = aPublish();
    const other = "11111111-1111-4111-8111-111111111111";
    await Promise.all([publish(WORKSPACE, [event("a")]), publish(other, [event("b")])]);
    expect(stream.records.map(({ record }) => decodeFrame(record).workspaceId).toSorted()).toEqual([WORKSPACE, other]);
  });

  test("answers each request by its own frame", async () => {
    const { publish, stream } = aPublish([(puts) => puts.map((_, index) => (index === 0 ? "stored" : "refused"))], {
      budgetMs: 0,
    });
    const people = ["p1", "p2", "p3", "p4", "p5", "p6"];
    const results = await Promise.all(people.map((person) => publish(WORKSPACE, [event(person, person)])));
    const stored = new Set(stream.ids().flat());
    expect(stored.size).toBeGreaterThan(0);
    expect(results).toEqual(people.map((person) => [stored.has(person) ? "stored" : "refused"]));
  });

  test("is done at once with nothing", async () => {
    const { publish, stream } = aPublish();
    expect(await publish(WORKSPACE, [])).toEqual([]);
    expect(stream.calls).toEqual([]);
  });

  test("answers in the order of the events, whatever bucket they fall in", async () => {
    const { publish } = aPublish(
      [(puts) => puts.map(({ partitionKey }) => (partitionKey.endsWith(":0") ? "refused" : "stored"))],
      { budgetMs: 0 },
    );
    const events = Array.from({ length: 40 }, (_, index) => event(`m${index}`, `anon-${index}`));
    const results = await publish(WORKSPACE, events);
    const alone = await Promise.all(
      events.map(async (one) => {
        const { publish: again } = aPublish(
          [(puts) => puts.map(({ partitionKey }) => (partitionKey.endsWith(":0") ? "refused" : "stored"))],
          { budgetMs: 0 },
        );
        return (await again(WORKSPACE, [one]))[0];
      }),
    );
    expect(results).toEqual(alone);
    expect(new Set(results)).toEqual(new Set(["stored", "refused"]));
  });

  test("splits what no call or frame may hold: 500 records, and frames of bounded size", async () => {
    const { publish, stream } = aPublish([], { orderBuckets: 0 });
    const many = Array.from({ length: 1_201 }, (_, index) => event(`m${index}`, `anon-${index}`));
    expect(new Set(await publish(WORKSPACE, many))).toEqual(new Set(["stored"]));
    for (const call of stream.calls) expect(call.length).toBeLessThanOrEqual(500);
    const large = aPublish();
    const text = Array.from({ length: 2_000 }, (_, index) =>
      String.fromCodePoint(0x4e00 + ((index * 7_919) % 20_000)),
    ).join("");
    const heavy = Array.from({ length: 600 }, (_, index) =>
      aCheckedEvent({ messageId: `m${index}`, properties: { text } }),
    );
    expect(new Set(await large.publish(WORKSPACE, heavy))).toEqual(new Set(["stored"]));
    for (const { record } of large.stream.records) expect(record.length).toBeLessThan(1_024 * 1_024);
    expect(large.stream.ids().flat()).toEqual(heavy.map(({ messageId }) => messageId));
  });

  test("keeps the order of one key over calls, frames and retries", async () => {
    const { publish, stream } = aPublish([all("refused"), all("unknown"), all("stored"), all("refused")], {
      budgetMs: 10_000,
    });
    const done: Promise<unknown>[] = [];
    for (let index = 0; index < 30; index++) {
      done.push(publish(WORKSPACE, [event(`m${index}`)]));
      if (index % 7 === 0) await turn();
    }
    await Promise.all(done);
    expect(stream.ids().flat()).toEqual(Array.from({ length: 30 }, (_, index) => `m${index}`));
  });
});

describe("a put that failed", () => {
  test("goes again alone, without the stored ones, after growing pauses", async () => {
    const half: PutScript = (puts) => puts.map((_, index) => (index % 2 === 0 ? "stored" : "refused"));
    const { publish, stream, waited } = aPublish([half, all("refused"), all("refused")], { budgetMs: 1_000 });
    const events = Array.from({ length: 40 }, (_, index) => event(`m${index}`, `anon-${index}`));
    expect(new Set(await publish(WORKSPACE, events))).toEqual(new Set(["stored"]));
    expect(stream.calls.map((call) => call.length)).toEqual([4, 2, 2, 2]);
    expect(stream.ids().flat().toSorted()).toEqual(events.map(({ messageId }) => messageId).toSorted());
    expect(waited).toHaveLength(3);
    expect(waited[0]).toBeGreaterThanOrEqual(10);
    expect(waited[2]).toBeGreaterThan(waited[0] ?? 0);
    expect(waited[2]).toBeLessThanOrEqual(80);
  });

  test("and was refused for certain is not suspect when it is stored at last", async () => {
    const { publish, stream } = aPublish([all("refused")]);
    await publish(WORKSPACE, [event("a")]);
    expect(stream.records.map(({ record }) => [...decodeFrame(record).suspects])).toEqual([[0]]);
  });

  test("with an unknown outcome goes again as suspect, whole", async () => {
    const { publish, stream } = aPublish([(puts) => puts.map(() => "applied")]);
    expect(await publish(WORKSPACE, [event("a"), event("b")])).toEqual(["stored", "stored"]);
    expect(stream.records.map(({ record }) => [...decodeFrame(record).suspects])).toEqual([
      [0, 0],
      [1, 1],
    ]);
  });

  test("is given up within the budget: refused for certain, or unknown once it ever was", async () => {
    const never = (first: PutResult) => aPublish([all(first), ...Array(50).fill(all("refused"))]);
    for (const first of ["refused", "unknown"] as const) {
      const { publish, stream, waited } = never(first);
      expect(await publish(WORKSPACE, [event("a")])).toEqual([first]);
      expect(waited.reduce((sum, ms) => sum + ms, 0)).toBeLessThanOrEqual(300);
      expect(stream.calls.length).toBeGreaterThan(2);
      expect(stream.calls.length).toBeLessThan(20);
    }
  });

  test("is tried once also when it waited longer than the budget behind another", async () => {
    const first = held();
    const { publish, pass } = aPublish([first.script]);
    const done = [publish(WORKSPACE, [event("a")])];
    await turn();
    done.push(publish(WORKSPACE, [event("b")]));
    pass(10_000);
    first.answer("stored");
    expect(await Promise.all(done)).toEqual([["stored"], ["stored"]]);
  });

  test("does not keep later calls from being stored", async () => {
    const { publish } = aPublish([all("refused")], { budgetMs: 0 });
    expect(await publish(WORKSPACE, [event("a")])).toEqual(["refused"]);
    expect(await publish(WORKSPACE, [event("b")])).toEqual(["stored"]);
  });

  test("with an answer that lacks its results is unknown, never stored", async () => {
    const { publish } = aPublish([], { budgetMs: 0, putFrames: async () => [] });
    expect(await publish(WORKSPACE, [event("a")])).toEqual(["unknown"]);
  });
});

test("a stream that does not answer fills no memory: beyond the bound calls are refused at once, and taken again later", async () => {
  const first = held();
  const { publish } = aPublish([first.script]);
  const done = [publish(WORKSPACE, [event("first")])];
  await turn();
  const heavy = aCheckedEvent({ properties: { text: "x".repeat(16_000_000) } });
  let refused = 0;
  for (let index = 0; index < 8; index++) {
    const call = publish(WORKSPACE, [heavy]);
    if ((await Promise.race([call, turn().then(() => undefined)]))?.[0] === "refused") refused++;
    else done.push(call);
  }
  expect(refused).toBeGreaterThan(2);
  expect(refused).toBeLessThan(8);
  first.answer("stored");
  expect(new Set((await Promise.all(done)).flat())).toEqual(new Set(["stored"]));
  expect(await publish(WORKSPACE, [event("later")])).toEqual(["stored"]);
});

test("a port that throws fails the requests that met it, and the next ones are published", async () => {
  let broken = true;
  const { publish } = aPublish([], {
    putFrames: async (puts) => {
      if (broken) throw new Error("a fault");
      return puts.map(() => "stored" as const);
    },
  });
  await expect(publish(WORKSPACE, [event("a"), event("b")])).rejects.toThrow("a fault");
  broken = false;
  expect(await publish(WORKSPACE, [event("c")])).toEqual(["stored"]);
});

test("F22: an answer that was lost gets a second attempt, as suspect, also when the budget is spent", async () => {
  const { publish, stream } = aPublish([all("unknown"), all("stored")], { budgetMs: 0 });
  expect(await publish(WORKSPACE, [event("a")])).toEqual(["stored"]);
  expect(stream.calls).toHaveLength(2);
});

describe("F4 what the stream does not take in time", () => {
  test("spills to the queue, and is stored when that took it, suspect and whole", async () => {
    const spilled: Buffer[] = [];
    const { publish } = aPublish(Array(20).fill(all("refused")), {
      spill: async (puts) => {
        spilled.push(...puts.map(({ record }) => record));
        return puts.map(() => "stored");
      },
    });
    expect(await publish(WORKSPACE, [event("a"), event("b")])).toEqual(["stored", "stored"]);
    expect(spilled).toHaveLength(1);
    const frame = decodeFrame(spilled[0] ?? Buffer.alloc(0));
    expect([frame.events, [...frame.suspects]]).toEqual([2, [1, 1]]);
  });

  test.each<[PutResult, PutResult, PutResult]>([
    ["refused", "refused", "refused"],
    ["refused", "unknown", "unknown"],
    ["unknown", "refused", "unknown"],
    ["unknown", "stored", "stored"],
  ])(
    "and that was %s by the stream and %s by the queue is %s: only what both refused is nowhere",
    async (stream, queue, result) => {
      const { publish } = aPublish(Array(20).fill(all(stream)), { spill: async (puts) => puts.map(() => queue) });
      expect(await publish(WORKSPACE, [event("a")])).toEqual([result]);
    },
  );

  test("does not spill what the stream took", async () => {
    const { publish } = aPublish([], { spill: () => expect.unreachable("nothing was late") });
    expect(await publish(WORKSPACE, [event("a")])).toEqual(["stored"]);
  });
});
