import type { KinesisStreamRecord } from "aws-lambda";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test, vi } from "vitest";
import { deliverBatch } from "../../../stacks/local/event-source/deliver-batch.ts";
import { createFunction } from "../../../stacks/local/event-source/function.ts";
import type { ShardRecord } from "../../../stacks/local/event-source/kinesis-event.ts";
import { wire } from "../../entry/deliver.ts";
import { FRAME_COLUMNS } from "../../event/columns.ts";
import type { DeadLetter } from "../../event/dead-letter.ts";
import { decodeFrame, encodeColumns } from "../../event/frame.ts";
import { newId } from "../../kit/id.ts";
import { log } from "../../kit/log.ts";
import { createInsertEvents } from "../../stores/clickhouse/insert-events.ts";
import { createInsertNative } from "../../stores/clickhouse/insert-rows.ts";
import { openStores } from "../../stores/open.ts";
import { aCheckedEvent, aFrame, aRecord, NOW, seqOf } from "../builders.ts";
import { captureLog } from "./capture-log.ts";
import { idsOf, openWriterSystem, recordsOf, type WriterSystem } from "./writer-system.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
log.level = "silent";

let system: WriterSystem;
beforeAll(async () => {
  system = await openWriterSystem(inject("engines"));
});
afterAll(() => system?.close());
afterEach(() => vi.useRealTimers());

/** Lets calls go on only when so many have come. */
function barrier(calls: number) {
  const { promise, resolve } = Promise.withResolvers<void>();
  let waiting = 0;
  return () => {
    if (++waiting === calls) resolve();
    return promise;
  };
}

describe("F10 two invocations of one shard at once", () => {
  test("in one process, cut differently: the second waits for the first, and adds what it left", async () => {
    const records = recordsOf("f10-a", 30);
    const deliver = system.writer();
    const cuts = [records.slice(0, 20), records.slice(10), records.slice(5, 25), records];
    expect(await Promise.all(cuts.map(deliver))).toEqual([undefined, undefined, undefined, undefined]);
    expect(await system.ids("f10-a")).toEqual(idsOf("f10-a", 30));
  });

  /** Writers of two processes, both of which have read the table before either inserts. */
  const twoProcesses = () => {
    const together = barrier(2);
    return [0, 1].map(() => {
      const { storedPositions } = system.stores.warehouse;
      let reads = 0;
      return system.writer({
        storedPositions: async (range) => {
          const found = await storedPositions(range);
          if (++reads === 1) await together();
          return found;
        },
      });
    }) as [ReturnType<typeof system.writer>, ReturnType<typeof system.writer>];
  };

  test("in two processes, of the same range: the engine takes one insert, by its token", async () => {
    const records = recordsOf("f10-b", 10);
    const [one, other] = twoProcesses();
    expect(await Promise.all([one(records), other(records)])).toEqual([undefined, undefined]);
    expect(await system.ids("f10-b")).toEqual(idsOf("f10-b", 10));
  });

  test("in two processes, cut differently: who finds rows of the other says so and commits nothing, and nothing is lost", async () => {
    const records = recordsOf("f10-c", 15);
    const [one, other] = twoProcesses();
    const output = captureLog();
    const outcomes = await Promise.all([one(records.slice(0, 10)), other(records.slice(5))]).finally(output.release);
    // At least the one that comes second. That there are two at all is for the mapping to forbid (`createStoreOnce`).
    expect(outcomes.filter((failed) => failed !== undefined).length).toBeGreaterThan(0);
    expect(output.lines().join()).toContain("another writer is at work in f10-c");
    const left = await system.ids("f10-c");
    expect(new Set(left)).toEqual(new Set(idsOf("f10-c", 15)));
    // What was not committed comes again, and ends.
    for (const again of [records.slice(0, 10), records.slice(5)]) expect(await other(again)).toBeUndefined();
    expect(await system.ids("f10-c")).toEqual(left);
  });
});

test("F14 an outage in which more was inserted than the engine remembers: the retry is exact all the same", async () => {
  await system.command("ALTER TABLE events MODIFY SETTING non_replicated_deduplication_window = 5");
  try {
    const { insert } = system.stores.warehouse;
    const calls: Parameters<typeof insert>[] = [];
    const losing = system.writer({
      insert: async (...call) => {
        await insert(...call);
        calls.push(call);
        throw new Error("the answer was lost");
      },
    });
    const records = recordsOf("f14", 10);
    expect(await losing(records)).toBe(seqOf(0));
    const others = system.writer();
    for (let n = 0; n < 8; n++) await others(recordsOf(`f14-other-${n}`, 1));
    expect(await others(records)).toBeUndefined();
    expect(await others(records.slice(3))).toBeUndefined();
    expect(await system.ids("f14")).toEqual(idsOf("f14", 10));
    // The engine has forgotten the token by now: it was the read-back that held.
    for (const call of calls) await insert(...call);
    expect(await system.ids("f14")).toHaveLength(20);
  } finally {
    await system.command("ALTER TABLE events MODIFY SETTING non_replicated_deduplication_window = 10000");
  }
});

/** A frame of two events, of which something was changed before it was sealed: its checksum is right. */
function forged(change: (columns: Record<string, Uint8Array>) => Record<string, Uint8Array>): Buffer {
  const frame = decodeFrame(aFrame([aCheckedEvent({ messageId: "first" }), aCheckedEvent({ messageId: "second" })]));
  const named = Object.fromEntries(FRAME_COLUMNS.map(({ name }, at) => [name, frame.columns[at] ?? new Uint8Array()]));
  const columns = { ...named, ...change(named) };
  return encodeColumns({ ...frame, columns: FRAME_COLUMNS.map(({ name }) => columns[name] ?? new Uint8Array()) });
}
const texts = (...values: (string | Uint8Array)[]) =>
  Buffer.concat(values.flatMap((value) => [Buffer.from([Buffer.from(value).length]), Buffer.from(value)]));
const times = (...values: bigint[]) => {
  const bytes = Buffer.alloc(8 * values.length);
  for (const [at, value] of values.entries()) bytes.writeBigInt64LE(value, at * 8);
  return bytes;
};
const changed = (at: number, value: number) => {
  const frame = aFrame([aCheckedEvent()]);
  frame.writeUInt8(value, at < 0 ? frame.length + at : at);
  return frame;
};
const LONG_SEQ = `4959${"1".repeat(60)}`;

describe("F15 a poison record: the batch commits, only it is a dead letter, with its reason, and the next event is fine", () => {
  /** Whether the record as a whole is kept, or those of its events that are to blame. */
  const POISON: [string, KinesisStreamRecord | Buffer, letters: string[], stored: string[], reason: RegExp][] = [
    ["no frame at all, invalid UTF-8", Buffer.from([0xc3, 0x28, 0xff, 0xfe, 0x80, 1, 2]), [""], [], /codec|flags/],
    ["nothing", Buffer.alloc(0), [""], [], /6 bytes/],
    ["a frame of another version", changed(0, 9), [""], [], /codec 3 and 4, not 9/],
    ["a frame with a flag that nobody knows", changed(1, 8), [""], [], /flags/],
    ["a frame of which a bit was turned", changed(-1, 0xff), [""], [], /checksum/],
    ["a frame that says another number of events", changed(2, 200), [""], [], /./],
    ["a frame that is cut", aFrame([aCheckedEvent()]).subarray(0, 40), [""], [], /./],
    [
      "a frame that is huge when inflated",
      aFrame([aCheckedEvent({ properties: { a: "x".repeat(9 * 1_024 * 1_024) } })]),
      [""],
      [],
      /./,
    ],
    ["a frame with a text too few", forged(() => ({ message_id: texts("first") })), [""], [], /texts of message_id/],
    ["a frame with a text too many", forged(() => ({ event: texts("a", "b", "c") })), [""], [], /texts of event/],
    ["a frame with a time too few", forged(() => ({ timestamp: times(1n) })), [""], [], /number of events/],
    ["properties that are no JSON", forged(() => ({ properties: texts('{"n":', "{}") })), ["first"], ["second"], /117/],
    ["properties of the wrong type", forged(() => ({ properties: texts("{}", "[1]") })), ["second"], ["first"], /117/],
    [
      "invalid UTF-8 in its properties",
      forged(() => ({ properties: texts(Buffer.from('{"a":"\xff"}', "latin1"), "{}") })),
      ["first"],
      ["second"],
      /117/,
    ],
    ["a context that is no JSON", forged(() => ({ context: texts("nonsense", "{}") })), ["first"], ["second"], /117/],
    [
      "a clock far ahead",
      forged(() => ({ timestamp: times(BigInt(NOW), 253_370_764_800_000n) })),
      ["second"],
      ["first"],
      /24 hours/,
    ],
    [
      "a clock that no date holds",
      forged(() => ({ timestamp: times(2n ** 63n - 1n, BigInt(NOW)) })),
      ["first"],
      ["second"],
      /24 hours/,
    ],
    [
      "a clock of before our era",
      forged(() => ({ timestamp: times(BigInt(NOW), -(2n ** 63n)), received_at: times(BigInt(NOW), -(2n ** 63n)) })),
      ["second"],
      ["first"],
      /24 hours/,
    ],
    [
      "a sequence number that the table cannot hold",
      {
        ...aRecord(aFrame([aCheckedEvent()]), 0),
        kinesis: { ...aRecord(aFrame([aCheckedEvent()]), 0).kinesis, sequenceNumber: LONG_SEQ },
      },
      [""],
      [],
      /64 digits/,
    ],
  ];

  const said: DeadLetter[] = [];
  test.each(POISON)("%s", async (name, poison, letters, stored, reason) => {
    const shard = `f15 ${name}`;
    const record = Buffer.isBuffer(poison) ? aRecord(poison, 2, shard) : { ...poison, eventID: `${shard}:${LONG_SEQ}` };
    const records = recordsOf(shard, 5).with(2, record);
    const kept: DeadLetter[] = [];
    const deliver = system.writer({
      reject: async (more) => {
        kept.push(...more);
        await system.stores.reject(more);
      },
    });
    const own = [`${shard}-0`, `${shard}-1`, ...stored, `${shard}-3`, `${shard}-4`];
    // Once more, and cut otherwise: the very same letters, and not a row more.
    for (const batch of [records, records.slice(2)]) {
      expect(await deliver(batch)).toBeUndefined();
      expect(await system.ids(shard)).toEqual(own);
    }
    const [letter, again] = kept;
    expect(again).toEqual(letter);
    expect(new Set(kept.map(({ messageId }) => messageId))).toEqual(new Set(letters));
    expect(letter?.message).toMatch(reason);
    expect(letter?.trace).toContain(`${shard}:${record.kinesis.sequenceNumber}`);
    expect(letter?.payloadKind).toBe(letters[0] === "" ? "record" : "event");
    if (letters[0] === "") expect(letter?.payload).toBe(record.kinesis.data);
    said.push(...kept);
  });

  test("and each of these letters comes through the queue into its table, once", async () => {
    await system.drainDeadLetters();
    const rows = await system.rowsOf("SELECT id, trace FROM dead_letters WHERE startsWith(trace, 'f15 ')");
    expect(rows.map(({ id }) => id).toSorted()).toEqual([...new Set(said.map(({ id }) => id))].toSorted());
    expect(rows).toHaveLength(POISON.length);
  });

  test("sequence numbers of 56 digits that differ in the last one only are different records, digit by digit", async () => {
    const records = recordsOf("f15-digits", 3).map((record, index) => {
      const sequenceNumber = `4964${"9".repeat(51)}${7 + index}`;
      return { ...record, eventID: `f15-digits:${sequenceNumber}`, kinesis: { ...record.kinesis, sequenceNumber } };
    });
    const deliver = system.writer();
    for (const batch of [records.slice(1, 2), records, records]) expect(await deliver(batch)).toBeUndefined();
    const rows = await system.rowsOf("SELECT _seq, message_id FROM events WHERE _shard = 'f15-digits' ORDER BY _seq");
    expect(rows).toEqual(
      records.map(({ kinesis }, n) => ({ _seq: kinesis.sequenceNumber, message_id: `f15-digits-${n}` })),
    );
  });

  test.each([8.64e15, -8.64e15, 253_370_764_800_000])(
    "a suspect whose own clock said %d is looked up, and stored once",
    async (originalTimestamp) => {
      const shard = `f15-clock ${originalTimestamp}`;
      const [record] = recordsOf(shard, 1, () => ({ suspect: true, originalTimestamp }));
      const again = recordsOf(shard, 2, () => ({ messageId: `${shard}-0`, suspect: true, originalTimestamp }))[1];
      const deliver = system.writer();
      for (const one of [record, again, record]) if (one) expect(await deliver([one])).toBeUndefined();
      expect(await system.ids(shard)).toEqual([`${shard}-0`]);
    },
  );
});

describe("F17 a batch that is too large", () => {
  test("for the engine's memory is stored in halves, nothing of it twice", async () => {
    const { clickhouse } = system;
    const limited = createInsertNative({
      query: clickhouse.query.bind(clickhouse),
      exec: ((call: Parameters<typeof clickhouse.exec>[0]) =>
        clickhouse.exec({
          ...call,
          clickhouse_settings: { ...call.clickhouse_settings, max_memory_usage: "14000000" },
        } as never)) as typeof clickhouse.exec,
    });
    const outcomes: (string | number)[] = [];
    const insert = createInsertEvents(limited, newId);
    const deliver = system.writer({
      insert: async (range, selected, ...rest) => {
        const events = selected.reduce((sum, { subs }) => sum + subs.length, 0);
        await insert(range, selected, ...rest).then(
          () => outcomes.push(events),
          (error) => {
            outcomes.push(error.code);
            throw error;
          },
        );
      },
    });
    const records = recordsOf("f17-memory", 16, () => ({ properties: { text: "x".repeat(300_000) } }));
    expect(await deliver(records)).toBeUndefined();
    expect(outcomes[0]).toBe("query_limit");
    expect(outcomes.filter((outcome) => typeof outcome === "number").length).toBeGreaterThan(1);
    expect(await system.ids("f17-memory")).toEqual(idsOf("f17-memory", 16));
  });

  test("for the time of an invocation is thrown, so that the mapping halves it until it fits, and nothing is lost", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    const { warehouse } = system.stores;
    const sizes: number[] = [];
    // An insert of more than 5 events takes as long as there is time; none of it is stored.
    const insert: typeof warehouse.insert = async (range, selected, token, msMax) => {
      const events = selected.reduce((sum, { subs }) => sum + subs.length, 0);
      sizes.push(events);
      if (events <= 5) return warehouse.insert(range, selected, token, msMax);
      vi.setSystemTime(Date.now() + msMax);
      throw new DOMException("The operation was aborted due to timeout", "TimeoutError");
    };
    const handler = wire({ ...system.stores, warehouse: { ...warehouse, insert } });
    const records = recordsOf("f17-time", 30).map(
      ({ kinesis }): ShardRecord => ({
        ...{ sequenceNumber: kinesis.sequenceNumber, partitionKey: "p", arrivalMs: Date.now() },
        data: Buffer.from(kinesis.data, "base64"),
      }),
    );
    const silent = () => {};
    await deliverBatch(
      { mappingId: "m", streamArn: "arn:aws:kinesis:us-east-1:000000000000:stream/events", shardId: "f17-time" },
      {
        maximumRetryAttempts: 0,
        bisectOnError: true,
        reportBatchItemFailures: true,
        ageMaxMs: () => Infinity,
        retryDelayMaxMs: 1,
      },
      {
        function: createFunction({ name: "deliver", handler, timeoutMs: 60_000 }),
        onFailure: async () => expect.unreachable("nothing is given up"),
        checkpoint: async () => {},
        log: { info: silent, warn: silent, error: silent },
        now: Date.now,
      },
      records,
      new AbortController().signal,
    );
    expect(sizes[0]).toBe(30);
    expect(await system.ids("f17-time")).toEqual(idsOf("f17-time", 30));
  });
});

test("F20 too many parts: each attempt ends at once as away, nothing is stored twice, and it goes on when merges do", async () => {
  const deliver = system.writer();
  const records = recordsOf("f20", 12);
  await system.command(`SYSTEM STOP MERGES ${system.settings.clickhouse.database}.events`);
  // The engine counts the parts of the fullest month.
  const [fullest] = await system.rowsOf(
    `SELECT max(parts) AS parts FROM (SELECT count() AS parts FROM system.parts
      WHERE database = currentDatabase() AND table = 'events' AND active GROUP BY partition)`,
  );
  const throwAt = Number(fullest?.parts) + 3;
  await system.command(
    `ALTER TABLE events MODIFY SETTING parts_to_throw_insert = ${throwAt}, parts_to_delay_insert = 10000`,
  );
  const output = captureLog();
  let stored = 0;
  try {
    while ((await deliver(records.slice(stored, stored + 1))) === undefined) stored++;
    expect(stored).toBeGreaterThan(0);
    expect(stored).toBeLessThan(6);
    let inserts = 0;
    const { insert } = system.stores.warehouse;
    const counting = system.writer({
      insert: (...call) => {
        inserts++;
        return insert(...call);
      },
    });
    // As Lambda comes again: with more records each time, of which none is kept in memory or stored.
    for (const count of [1, 2, 4]) expect(await counting(records.slice(stored, stored + count))).toBe(seqOf(stored));
    expect(inserts).toBe(3);
    expect(output.lines().join()).toContain("unavailable");
    expect(await system.ids("f20")).toEqual(idsOf("f20", stored));
  } finally {
    output.release();
    await system.command(`SYSTEM START MERGES ${system.settings.clickhouse.database}.events`);
    await system.command("ALTER TABLE events RESET SETTING parts_to_throw_insert, parts_to_delay_insert");
  }
  expect(await deliver(records.slice(Math.max(0, stored - 1)))).toBeUndefined();
  expect(await system.ids("f20")).toEqual(idsOf("f20", 12));
});

test("F43 a dead letter that the queue does not take: nothing is committed, and nothing is stored or said twice when it does", async () => {
  const shard = "f43";
  const records = recordsOf(shard, 4).with(1, aRecord(changed(0, 9), 1, shard));
  const attempts: string[] = [];
  const failing = system.writer({
    reject: async (letters) => {
      attempts.push(...letters.map(({ trace }) => trace));
      throw new Error("the queue is away");
    },
  });
  for (const _ of [1, 2]) expect(await failing(records)).toBe(seqOf(0));
  expect(await system.ids(shard)).toEqual([]);
  // Sent, and the answer was lost: said again, it is one letter.
  const lost = system.writer({
    reject: async (letters) => {
      await system.stores.reject(letters);
      throw new Error("the answer was lost");
    },
  });
  expect(await lost(records)).toBe(seqOf(0));
  expect(await system.writer()(records)).toBeUndefined();
  expect(await system.ids(shard)).toEqual([`${shard}-0`, `${shard}-2`, `${shard}-3`]);
  await system.drainDeadLetters(2);
  expect(await system.rowsOf("SELECT trace FROM dead_letters WHERE startsWith(trace, 'f43:')")).toEqual([
    { trace: `${shard}:${seqOf(1)}` },
  ]);
});

test("F32 while Postgres and the cache are down the writer goes on: it keeps nothing there", async () => {
  const away = { postgresUrl: "postgres://nobody@127.0.0.1:9/none", redis: { url: "http://127.0.0.1:9", token: "x" } };
  const deliver = wire(openStores({ ...system.settings, ...away }));
  const records = recordsOf("f32", 6, (n) => ({ suspect: n === 3 }));
  for (const Records of [records, records.slice(2)])
    expect(await deliver({ Records }, { getRemainingTimeInMillis: () => 60_000 })).toEqual({ batchItemFailures: [] });
  expect(await system.ids("f32")).toEqual(idsOf("f32", 6));
});

describe("F25 a migration under load", () => {
  const kept = (shard: string) =>
    system.rowsOf("SELECT message_id AS id, name FROM events WHERE _shard = {shard: String} ORDER BY _seq, _sub", {
      shard,
    });

  test("that adds a column: writers that do not know it store, before, during and after", async () => {
    const records = recordsOf("f25-added", 40, (n) => ({ name: `name ${n}` }));
    const deliver = system.writer();
    const load = (async () => {
      for (let at = 0; at < 40; at += 4) expect(await deliver(records.slice(at, at + 4))).toBeUndefined();
    })();
    await system.command("ALTER TABLE events ADD COLUMN added_under_load String DEFAULT 'none'");
    await load;
    expect(await kept("f25-added")).toEqual(records.map((_, n) => ({ id: `f25-added-${n}`, name: `name ${n}` })));
    await system.command("ALTER TABLE events DROP COLUMN added_under_load");
  });

  test("that drops a column: events with nothing in it are stored, the others are dead letters with the reason", async () => {
    // Views of the table name its columns as they were; a migration would make them anew.
    const records = recordsOf("f25-dropped", 24, (n) => ({ category: n % 10 === 3 ? "books" : "" }));
    const deliver = system.writer();
    const failed: (string | undefined)[] = [];
    const load = (async () => {
      for (let at = 0; at < 24; at += 6) failed.push(await deliver(records.slice(at, at + 6)));
    })();
    await system.command("ALTER TABLE events DROP COLUMN category");
    await load;
    expect(failed).toEqual([undefined, undefined, undefined, undefined]);
    const after = recordsOf("f25-after", 12, (n) => ({ category: n === 5 ? "books" : "" }));
    expect(await deliver(after)).toBeUndefined();
    expect(await deliver(after.slice(3))).toBeUndefined();
    await system.command("ALTER TABLE events ADD COLUMN category LowCardinality(String) AFTER name");
    const stored = new Set(await system.ids("f25-dropped"));
    const dead = (await system.letters("f25-dropped")).map(({ message_id = "" }) => message_id);
    expect([...stored, ...dead].toSorted()).toEqual(idsOf("f25-dropped", 24).toSorted());
    for (const id of dead) expect(Number(id.split("-").at(-1)) % 10).toBe(3);
    expect(await system.ids("f25-after")).toEqual(idsOf("f25-after", 12).filter((id) => id !== "f25-after-5"));
    expect(await system.letters("f25-after")).toMatchObject([
      {
        message_id: "f25-after-5",
        message: expect.stringContaining("no column category"),
        payload: expect.stringContaining("books"),
      },
    ]);
  });

  test("that makes a column narrower: what no longer fits is a dead letter, and the next event is fine", async () => {
    await system.command("ALTER TABLE events ADD CONSTRAINT short_names CHECK length(name) < 10");
    try {
      const records = recordsOf("f25-narrow", 9, (n) => ({ name: n === 4 ? "a name that is too long" : "short" }));
      expect(await system.writer()(records)).toBeUndefined();
      expect(await system.ids("f25-narrow")).toEqual(idsOf("f25-narrow", 9).filter((id) => id !== "f25-narrow-4"));
      expect(await system.letters("f25-narrow")).toMatchObject([{ message_id: "f25-narrow-4" }]);
    } finally {
      await system.command("ALTER TABLE events DROP CONSTRAINT short_names");
    }
  });

  test("whose new writer comes before it: what it can hold already is stored", async () => {
    await system.command("ALTER TABLE events RENAME COLUMN group_id TO group_id_later");
    try {
      const records = recordsOf("f25-early", 6, (n) => ({ groupId: n === 2 ? "g" : "" }));
      expect(await system.writer()(records)).toBeUndefined();
      expect(await system.ids("f25-early")).toEqual(idsOf("f25-early", 6).filter((id) => id !== "f25-early-2"));
      expect(await system.letters("f25-early")).toHaveLength(1);
    } finally {
      await system.command("ALTER TABLE events RENAME COLUMN group_id_later TO group_id");
    }
  });
});
