import { describe, expect, test } from "vitest";
import { AWAY, handBatches, type Row } from "../testing/hand-batches.ts";

const sizes = (batches: readonly (readonly Row[])[]) => batches.map((rows) => rows.length);
const tablesOf = (batches: readonly (readonly Row[])[]) => batches.map(([first]) => first?.table);
const storeAll = async (on: ReturnType<typeof handBatches>) => {
  for (let flight = 0; flight < 100; flight++) await on.flights[0]?.end("store");
};

describe("rows go to their table by its strategy", () => {
  test("events: a thousand at once, fewer after two seconds", async () => {
    const on = handBatches();
    await on.put("events", 999);
    await on.pass(1_999);
    expect(on.asked).toEqual([]);
    await on.put("events", 1);
    expect(sizes(on.asked)).toEqual([1_000]);
    await storeAll(on);
    await on.put("events", 3);
    await on.pass(1_999);
    expect(on.asked.length).toBe(1);
    await on.pass(1);
    expect(sizes(on.asked)).toEqual([1_000, 3]);
  });

  test("payments: each by itself, at once", async () => {
    const on = handBatches();
    await on.put("payments", 3);
    await storeAll(on);
    expect(sizes(on.asked)).toEqual([1, 1, 1]);
  });

  test("mthreads: all that waits every five seconds, in batches of a hundred", async () => {
    const on = handBatches();
    await on.put("mthreads", 250);
    await on.pass(4_999);
    expect(on.asked).toEqual([]);
    await on.pass(1);
    await storeAll(on);
    expect(sizes(on.asked)).toEqual([100, 100, 50]);
  });

  test("by size alone a part of a batch waits, and no timer runs for it", async () => {
    const on = handBatches({ settings: { strategy: "size", rowsMax: 10 } });
    await on.put("any", 25);
    await storeAll(on);
    expect(sizes(on.asked)).toEqual([10, 10]);
    expect([on.timers.size, on.figures().heldRows]).toEqual([0, 5]);
  });

  test("by memory alone all goes when it is full, in batches of the largest size, and then it fills again", async () => {
    const on = handBatches({ settings: { strategy: "memory", bytesMax: 100, rowsMax: 4 } });
    for (let round = 0; round < 2; round++) {
      on.asked.length = 0;
      await on.put("any", 9, 10);
      await on.pass(3_600_000);
      expect(on.asked).toEqual([]);
      await on.put("any", 1, 10);
      await storeAll(on);
      expect(sizes(on.asked)).toEqual([4, 4, 2]);
    }
  });

  test("a row that just does not fit is reason enough to flush", async () => {
    const on = handBatches({ settings: { strategy: "memory", bytesMax: 100 } });
    expect(await on.put("any", 3, 40)).toBe(2);
    expect(sizes(on.asked)).toEqual([2]);
    await storeAll(on);
    expect([on.asked.length, on.figures().heldRows]).toEqual([1, 1]);
  });

  test("by load: a hundred rows a second go in batches that grow as the sink grows slow", async () => {
    const on = handBatches({ settings: { strategy: "adaptive", rowsMax: 200, waitMsMax: 2_000 } });
    const laterOf = async (tookMs: number) => {
      const began = new Map<unknown, number>();
      for (let tick = 0; tick < 3_000; tick++) {
        await on.put("any", 1);
        for (const flight of on.flights) {
          if (!began.has(flight)) began.set(flight, on.now());
          if (on.now() - (began.get(flight) ?? 0) >= tookMs) await flight.end("store");
        }
        await on.pass(10);
      }
      return sizes(on.asked.slice(-5));
    };
    for (const rows of await laterOf(50)) expect(rows).toBe(20);
    for (const rows of await laterOf(300)) expect(rows).toBeCloseTo(120, -1);
  });
});

describe("when the sink is slow or away", () => {
  test("what is urgent goes first, and a table that waits long enough goes before it", async () => {
    const on = handBatches({ settings: { strategy: "immediate" } });
    await on.put("other", 1);
    for (const table of ["mstore", "events", "mthreads", "payments"]) await on.put(table, 1);
    await on.flights[0]?.end("store");
    for (let round = 0; round < 7; round++) {
      await on.put("payments", 1);
      await on.pass(600);
      await on.flights[0]?.end("store");
    }
    await storeAll(on);
    const order = tablesOf(on.asked);
    expect(order.slice(0, 2)).toEqual(["other", "payments"]);
    const first = (table: string) => order.indexOf(table);
    expect(first("mthreads")).toBeLessThan(first("events"));
    expect(first("events")).toBeLessThan(first("mstore"));
    expect(first("mstore")).toBeLessThan(order.lastIndexOf("payments"));
  });

  test("a row that finds no room waits outside, in order, until a flush has made some", async () => {
    const on = handBatches({ settings: { bytesMax: 100 } });
    expect(await on.put("any", 15, 10)).toBe(10);
    expect(sizes(on.asked)).toEqual([10]);
    expect(on.figures()).toMatchObject({ heldRows: 10, heldBytes: 100 });
    expect(await on.put("any", 1, 1)).toBe(0);
    await on.flights[0]?.end("store");
    expect(on.figures()).toMatchObject({ heldRows: 6, heldBytes: 51 });
    await on.pass(3_000);
    await storeAll(on);
    expect(on.stored.map(({ id }) => id)).toEqual(Array.from({ length: 16 }, (_, index) => index + 1));
  });

  test("a slow table does not hold up the adds of another", async () => {
    const on = handBatches({ settings: { bytesMax: 10 } });
    expect(await on.put("slow", 3, 10)).toBe(1);
    expect(await on.put("other", 1, 10)).toBe(1);
  });

  test("a row that never fits is refused, and the others are not touched", async () => {
    const on = handBatches({ settings: { bytesMax: 100 } });
    await expect(on.add("any", { table: "any", id: 0, bytes: 101 })).rejects.toMatchObject({
      code: "payload_too_large",
    });
    expect(await on.put("any", 1, 100)).toBe(1);
  });

  test("a batch that failed goes again with exactly its rows, later each time, and what came since goes after it", async () => {
    const on = handBatches({ settings: { strategy: "size", rowsMax: 3 } });
    await on.put("any", 3);
    const pauses: number[] = [];
    for (let failure = 0; failure < 12; failure++) {
      await on.flights[0]?.end("fail");
      await on.put("any", 1);
      const since = on.now();
      for (let step = 0; step < 400 && on.flights.length === 0; step++) await on.pass(100);
      pauses.push(on.now() - since);
    }
    expect(pauses).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000, 30_000]);
    await storeAll(on);
    expect(on.asked.slice(0, 13).map((rows) => rows.map(({ id }) => id))).toEqual(Array(13).fill([1, 2, 3]));
    expect(on.stored.map(({ id }) => id)).toEqual(Array.from({ length: 15 }, (_, index) => index + 1));
    expect(on.failures.at(-1)).toEqual(["any", 12]);
    expect(on.figures()).toMatchObject({ batches: 5, rows: 15, failed: 12, heldRows: 0, heldBytes: 0 });
  });

  test("a failing table does not hold the others", async () => {
    const on = handBatches({ settings: { strategy: "immediate" } });
    await on.put("bad", 1);
    await on.flights[0]?.end("fail");
    await on.put("good", 1);
    expect(tablesOf(on.asked)).toEqual(["bad", "good"]);
  });

  test("while the breaker is open nothing is asked, and at its time the same batch goes", async () => {
    const on = handBatches({ settings: { strategy: "immediate" } });
    await on.put("any", 2);
    await on.flights[0]?.end({ tryAgainAt: on.now() + 30_000 });
    await on.put("other", 1);
    await on.pass(29_999);
    expect(on.asked.length).toBe(1);
    expect(on.timers.size).toBe(1);
    await on.pass(1);
    expect(on.asked[1]).toEqual(on.asked[0]);
    await storeAll(on);
    expect(on.stored.length).toBe(3);
  });

  test("as many batches are in flight as the sink takes, never two of one table", async () => {
    const on = handBatches({ settings: { strategy: "immediate" }, ports: { flushesMax: 2 } });
    for (const table of ["a", "a", "b", "c"]) await on.put(table, 1);
    expect(on.flights.map(({ table }) => table)).toEqual(["a", "b"]);
    await on.flights[1]?.end("store");
    expect(on.flights.map(({ table }) => table)).toEqual(["a", "c"]);
  });

  test("a sink that adds a row while it is asked leaves one timer, and the row is flushed", async () => {
    let again = true;
    const on = handBatches({
      ports: {
        flushesMax: 4,
        flush: async (_, rows) => {
          on.stored.push(...rows);
          if (again) void on.add("audit", { table: "audit", id: 99, bytes: 1 });
          again = false;
          return { kind: "done", value: undefined };
        },
      },
    });
    await on.put("payments", 1);
    expect(on.timers.size).toBe(1);
    await on.pass(3_000);
    expect(on.stored.map(({ table }) => table)).toEqual(["payments", "audit"]);
    expect(on.timers.size).toBe(0);
  });

  test("a table's earlier time is kept when a later one is waited for", async () => {
    const on = handBatches();
    await on.put("any", 1);
    await on.put("events", 1);
    await on.pass(2_000);
    expect(tablesOf(on.asked)).toEqual(["events"]);
  });

  test("a small row does not overtake a large one that waits for room", async () => {
    const on = handBatches({ settings: { bytesMax: 100 } });
    expect(await on.put("any", 3, 40)).toBe(2);
    expect(await on.put("any", 1, 10)).toBe(0);
  });

  test("a success forgets the failures before it, and the pause of the sink", async () => {
    const on = handBatches({ settings: { strategy: "immediate" }, ports: { flushesMax: 2 } });
    await on.put("a", 2);
    for (let failure = 0; failure < 2; failure++) {
      await on.flights[0]?.end("fail");
      await on.pass(200);
    }
    await on.flights[0]?.end("store");
    await on.flights[0]?.end("fail");
    expect(on.failures.at(-1)).toEqual(["a", 1]);

    await on.pass(100);
    await on.put("b", 1);
    await on.flights[0]?.end({ tryAgainAt: on.now() + 30_000 });
    expect(on.flights.map(({ table }) => table)).toEqual(["b"]);
    await on.flights[0]?.end("store");
    expect(on.flights.map(({ table }) => table)).toEqual(["a"]);
  });
});

describe("drain", () => {
  test("tries at once, in the pause after a failure and while the sink is away", async () => {
    for (const how of ["fail", { tryAgainAt: 2_000_000 }] as const) {
      const on = handBatches({ settings: { strategy: "immediate" } });
      await on.put("any", 1);
      await on.flights[0]?.end(how);
      const drained = on.drain();
      await on.flights[0]?.end("store");
      await drained;
      expect(on.asked.length).toBe(2);
    }
  });

  test("does not give up while a table has attempts left, or a batch is in flight", async () => {
    const on = handBatches({ settings: { retryAttempts: 1 } });
    await on.put("a", 1);
    await on.put("b", 1);
    const refused = expect(on.drain()).rejects.toThrow("could not be flushed: a");
    await on.flights[0]?.end("fail");
    await on.pass(50);
    await on.flights[0]?.end("fail");
    await on.pass(50);
    await on.flights[0]?.end("fail");
    await on.pass(50);
    await on.flights[0]?.end("store");
    await refused;
    expect(on.stored.map(({ table }) => table)).toEqual(["b"]);

    const two = handBatches({ settings: { strategy: "immediate" }, ports: { flushesMax: 2 } });
    await two.put("a", 1);
    await two.put("b", 1);
    const drained = two.drain();
    await two.flights[0]?.end({ tryAgainAt: two.now() + 30_000 });
    await two.flights[0]?.end("store");
    await two.flights[0]?.end("store");
    await drained;
    expect(two.stored.length).toBe(2);
  });

  test("that was refused leaves batches which an add of the same table sets going again", async () => {
    const on = handBatches({ settings: { strategy: "size", rowsMax: 5 } });
    await on.put("any", 7);
    const refused = expect(on.drain()).rejects.toThrow("could not be flushed: any");
    await on.flights[0]?.end({ tryAgainAt: on.now() + 30_000 });
    await refused;
    await on.put("any", 1);
    await on.pass(30_000);
    expect(sizes(on.asked)).toEqual([5, 5]);
  });

  test("flushes all that is held, what waits for room and what is in flight included, and leaves no timer", async () => {
    const on = handBatches({ settings: { bytesMax: 50 } });
    await on.put("any", 8, 10);
    await on.put("events", 2);
    const drained = on.drain();
    expect(on.drain()).toBe(drained);
    await storeAll(on);
    await drained;
    expect(on.stored.length).toBe(10);
    expect([on.timers.size, on.figures().heldRows]).toEqual([0, 0]);
  });

  test("is over at once when nothing is held", async () => {
    const on = handBatches();
    await on.drain();
    expect(on.timers.size).toBe(0);
  });

  test("tries a failing table as often as it is configured, the others once, then says what is left and keeps it", async () => {
    const on = handBatches();
    await on.put("events", 2);
    await on.put("mstore", 1);
    const drained = on.drain();
    const refused = expect(drained).rejects.toMatchObject({
      message: "rows could not be flushed: mstore",
      cause: AWAY,
    });
    await on.flights[0]?.end("store");
    for (let attempt = 0; attempt < 3; attempt++) {
      await on.flights[0]?.end("fail");
      await on.pass(1_000);
    }
    await refused;
    expect(tablesOf(on.asked)).toEqual(["events", "mstore", "mstore", "mstore"]);
    expect([on.timers.size, on.figures().heldRows]).toEqual([0, 1]);

    const again = on.drain();
    await storeAll(on);
    await again;
    expect(on.stored.length).toBe(3);
  });

  test("does not wait for an open breaker: what waited for room is refused, what was held is kept until the next add", async () => {
    const on = handBatches({ settings: { bytesMax: 10 } });
    await on.put("any", 1, 10);
    const outside = expect(on.add("any", { table: "any", id: 99, bytes: 10 })).rejects.toThrow("could not be flushed");
    const refused = expect(on.drain()).rejects.toThrow("could not be flushed: any");
    await on.flights[0]?.end({ tryAgainAt: on.now() + 30_000 });
    await Promise.all([outside, refused]);
    expect([on.timers.size, on.figures().heldRows]).toEqual([0, 1]);

    await on.put("other", 1);
    await on.pass(30_000);
    await storeAll(on);
    await on.pass(3_000);
    await storeAll(on);
    expect(on.stored.map(({ table }) => table)).toEqual(["any", "other"]);
  });
});
