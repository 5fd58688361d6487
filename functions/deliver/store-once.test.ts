import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { decodeFrame } from "../event/frame.ts";
import { aCheckedEvent, aFrame, seqOf } from "../testing/builders.ts";
import { aTable, type InsertFault } from "../testing/fakes.ts";
import type { Piece } from "./prepare.ts";
import { createStoreOnce, type Range } from "./store-once.ts";

/** An invocation that has all the time of the world. */
const LATER = Number.POSITIVE_INFINITY;

// Many random cases: on a busy machine they take their time.
vi.setConfig({ testTimeout: 120_000 });

const OTHER = "11111111-1111-4111-8111-111111111111";
const SHARD = "shardId-000000000000";
type Sent = { id: string; suspect?: boolean };

const aPiece = (index: number, sent: readonly Sent[], workspaceId?: string): Piece => ({
  seq: seqOf(index),
  frame: decodeFrame(
    aFrame(
      sent.map(({ id, suspect = false }) => aCheckedEvent({ messageId: id, suspect })),
      workspaceId,
    ),
  ),
});
const rangeOf = (pieces: readonly Piece[]): Range => ({
  stream: "events",
  shard: SHARD,
  from: pieces[0]?.seq ?? "",
  to: pieces.at(-1)?.seq ?? "",
});
const clean = (...ids: string[]) => ids.map((id) => ({ id }));
const suspect = (...ids: string[]) => ids.map((id) => ({ id, suspect: true }));
const stored = (table: ReturnType<typeof aTable>) => table.rows.map(({ messageId }) => messageId);

describe("storeOnce", () => {
  test("stores each event of a chunk, in order, with its record's number and its own", async () => {
    const table = aTable();
    const pieces = [aPiece(1, clean("a", "b")), aPiece(2, clean("c"))];
    await createStoreOnce(table.ports)(rangeOf(pieces), pieces, LATER);
    expect(table.rows.map(({ seq, sub, messageId }) => [seq, sub, messageId])).toEqual([
      [seqOf(1), 0, "a"],
      [seqOf(1), 1, "b"],
      [seqOf(2), 0, "c"],
    ]);
  });

  test("asks the table for no message when none is suspect, and for none but suspects otherwise", async () => {
    const table = aTable();
    const store = createStoreOnce(table.ports);
    await store(rangeOf([aPiece(1, [])]), [aPiece(1, clean("a"))], LATER);
    expect(table.looked).toEqual([]);
    const mixed = [aPiece(2, [...clean("b"), ...suspect("c")])];
    await store(rangeOf(mixed), mixed, LATER);
    expect(table.looked.map(({ ids }) => ids)).toEqual([["c"]]);
  });

  test("I-21 one bad row goes to the dead letters, and every other row of its chunk is stored, in order", async () => {
    const table = aTable();
    const pieces = [
      aPiece(1, clean("a", "b")),
      aPiece(2, clean("c", "poison-1", "d", "e")),
      aPiece(3, clean("f", "poison-2")),
      aPiece(4, clean("g")),
    ];
    const store = () => createStoreOnce(table.ports)(rangeOf(pieces), pieces, LATER);
    await store();
    expect(stored(table)).toEqual(["a", "b", "c", "d", "e", "f", "g"]);
    expect(table.letters).toMatchObject([
      { messageId: "poison-1", stage: "insert", code: "insert_failed", trace: `${SHARD}:${seqOf(2)}:1` },
      { messageId: "poison-2", trace: `${SHARD}:${seqOf(3)}:1` },
    ]);
    expect(JSON.parse(table.letters[0]?.payload ?? "")).toMatchObject({ type: "track", messageId: "poison-1" });
    // A retry stores nothing twice and makes the very same letters.
    await store();
    expect(stored(table)).toHaveLength(7);
    expect(new Set(table.letters.map(({ id }) => id)).size).toBe(2);
  });

  test("I-21 a chunk of nothing but bad rows ends, and each is kept", async () => {
    const table = aTable();
    const pieces = [aPiece(1, clean(...Array.from({ length: 1_000 }, (_, n) => `poison-${n}`)))];
    await createStoreOnce(table.ports)(rangeOf(pieces), pieces, LATER);
    expect(new Set(table.letters.map(({ messageId }) => messageId)).size).toBe(1_000);
    expect(table.letters).toHaveLength(1_000);
  });

  test("F43 a bad row whose letter cannot be kept is not forgotten: the chunk fails, and its retry ends it", async () => {
    const table = aTable();
    let away = true;
    const ports = {
      ...table.ports,
      reject: async () => {
        if (away) throw new Error("the queue is away");
      },
    };
    const pieces = [aPiece(1, clean("a", "poison"))];
    await expect(createStoreOnce(ports)(rangeOf(pieces), pieces, LATER)).rejects.toThrow("away");
    away = false;
    await createStoreOnce(table.ports)(rangeOf(pieces), pieces, LATER);
    expect(stored(table)).toEqual(["a"]);
    expect(table.letters).toHaveLength(1);
  });

  test("15a a clean copy that lands after its suspect repeat, chunks later, is looked up and not stored again", async () => {
    const table = aTable();
    const store = createStoreOnce(table.ports);
    const put = async (index: number, sent: readonly Sent[], workspaceId?: string) => {
      const pieces = [aPiece(index, sent, workspaceId)];
      await store(rangeOf(pieces), pieces, LATER);
    };
    await put(1, suspect("late"));
    await put(2, clean("other"));
    await put(3, clean("late", "new"));
    expect(stored(table)).toEqual(["late", "other", "new"]);
    expect(table.looked.map(({ ids }) => ids)).toEqual([["late"], ["late"]]);
    // The same id of another workspace is another message.
    await put(4, clean("late"), OTHER);
    expect(stored(table)).toEqual(["late", "other", "new", "late"]);
  });

  test("15a of suspects too many to be named any clean event may be a copy: all are looked up", async () => {
    const table = aTable();
    const many = { ...table.ports, recentSuspects: async () => "many" as const };
    const put = async (index: number, sent: readonly Sent[]) => {
      const pieces = [aPiece(index, sent)];
      await createStoreOnce(many)(rangeOf(pieces), pieces, LATER);
    };
    await put(1, clean("late"));
    await put(2, clean("late", "new"));
    expect(stored(table)).toEqual(["late", "new"]);
  });

  test("15a a chunk of nothing but suspects does not ask for earlier ones", async () => {
    const table = aTable();
    const asked = vi.fn(async () => []);
    const store = createStoreOnce({ ...table.ports, recentSuspects: asked });
    const pieces = [aPiece(1, suspect("a")), aPiece(2, suspect("b", "c"))];
    await store(rangeOf(pieces), pieces, LATER);
    expect(asked).not.toHaveBeenCalled();
    const mixed = [aPiece(3, suspect("d")), aPiece(4, clean("e"))];
    await store(rangeOf(mixed), mixed, LATER);
    expect(asked).toHaveBeenCalledOnce();
  });

  test("15a suspects are noted before they are stored, and only those that are", async () => {
    let fault: InsertFault = "none";
    const table = aTable(() => fault);
    const pieces = [aPiece(1, [...suspect("s"), ...clean("c")])];
    await expect(createStoreOnce(table.ports)(rangeOf(pieces), pieces, LATER)).rejects.toThrow("away");
    expect(table.noted.map(({ messageId }) => messageId)).toEqual(["s"]);
    fault = undefined;
    await createStoreOnce(table.ports)(rangeOf(pieces), pieces, LATER);
    const again = [aPiece(2, suspect("s"))];
    await createStoreOnce(table.ports)(rangeOf(again), again, LATER);
    expect(stored(table)).toEqual(["s", "c"]);
    expect(table.noted.map(({ messageId }) => messageId)).toEqual(["s", "s"]);
  });

  test("does nothing for a chunk without pieces, and inserts nothing when all is there", async () => {
    const table = aTable();
    const store = createStoreOnce(table.ports);
    await store(rangeOf([]), [], LATER);
    const pieces = [aPiece(1, suspect("a"))];
    await store(rangeOf(pieces), pieces, LATER);
    await store(rangeOf(pieces), pieces, LATER);
    const repeat = [aPiece(2, suspect("a"))];
    await store(rangeOf(repeat), repeat, LATER);
    expect(table.inserts).toHaveLength(1);
    expect(stored(table)).toEqual(["a"]);
  });

  test("keeps the first of a suspect's repeats inside one chunk, also where the first is clean", async () => {
    const table = aTable();
    const pieces = [aPiece(1, [...clean("a"), ...suspect("b", "b")]), aPiece(2, suspect("a", "c", "b"))];
    await createStoreOnce(table.ports)(rangeOf(pieces), pieces, LATER);
    expect(table.rows.map(({ seq, sub, messageId }) => [seq, sub, messageId])).toEqual([
      [seqOf(1), 0, "a"],
      [seqOf(1), 1, "b"],
      [seqOf(2), 1, "c"],
    ]);
  });

  test("takes the same id of two workspaces for two events", async () => {
    const table = aTable();
    const pieces = [aPiece(1, suspect("a")), aPiece(2, suspect("a"), OTHER)];
    await createStoreOnce(table.ports)(rangeOf(pieces), pieces, LATER);
    expect(stored(table)).toEqual(["a", "a"]);
  });

  test("a clean copy behind its suspect repeat stays left out when the chunk comes again", async () => {
    const table = aTable();
    const pieces = [aPiece(1, suspect("a")), aPiece(2, clean("a"))];
    const store = createStoreOnce(table.ports);
    await store(rangeOf(pieces), pieces, LATER);
    await store(rangeOf(pieces), pieces, LATER);
    expect(stored(table)).toEqual(["a"]);
  });

  test("a lost answer is repeated under the same token where nothing changed, so the engine drops it", async () => {
    const faults: InsertFault[] = ["lost"];
    const table = aTable(() => faults.shift());
    const blind = { ...table.ports, storedPositions: async () => [] }; // the worst read-back: it sees nothing yet
    const pieces = [aPiece(1, clean("a", "b"))];
    await expect(createStoreOnce(blind)(rangeOf(pieces), pieces, LATER)).rejects.toThrow("lost");
    await createStoreOnce(blind)(rangeOf(pieces), pieces, LATER);
    expect(table.inserts[0]?.token).toBe(table.inserts[1]?.token);
    expect(stored(table)).toEqual(["a", "b"]);
  });

  test("a token differs as soon as a row, a record, the shard or the stream differs", async () => {
    const tokens = new Set<string>();
    const tokenOf = async (present: number[], range: Partial<Range> = {}) => {
      const table = aTable();
      const pieces = [aPiece(1, clean("a", "b", "c")), aPiece(2, clean("d"))];
      const storedPositions = async () => present.map((sub) => ({ seq: seqOf(1), sub }));
      const storedCount = async () => present.length + table.rows.length;
      await createStoreOnce({ ...table.ports, storedPositions, storedCount })(
        { ...rangeOf(pieces), ...range },
        pieces,
        LATER,
      );
      tokens.add(table.inserts[0]?.token ?? "");
    };
    for (const present of [[], [0], [1], [2], [0, 1], [1, 2], [0, 2], [0, 1, 2]]) await tokenOf(present);
    await tokenOf([], { shard: "shardId-000000000001" });
    await tokenOf([], { stream: "other" });
    await tokenOf([], { to: seqOf(3) });
    expect(tokens.size).toBe(11);
  });

  test("a token that the engine knows although the rows are not there is left for another", async () => {
    const pieces = [aPiece(1, clean("a"))];
    const first = aTable();
    await createStoreOnce(first.ports)(rangeOf(pieces), pieces, LATER);
    const table = aTable(() => undefined, new Set([first.inserts[0]?.token ?? ""]));
    await createStoreOnce(table.ports)(rangeOf(pieces), pieces, LATER);
    expect(stored(table)).toEqual(["a"]);
    expect(new Set(table.inserts.map(({ token }) => token)).size).toBe(table.inserts.length);
  });

  test("an engine that stores nothing whatever the token is a fault, never a silent loss", async () => {
    const table = aTable();
    const pieces = [aPiece(1, clean("a"))];
    await expect(
      createStoreOnce({ ...table.ports, insert: async () => {} })(rangeOf(pieces), pieces, LATER),
    ).rejects.toThrow("it did not");
  });
});

/**
 * A shard whose consumer is killed, bisected and re-cut at random, with producers that repeat. Every delivery starts at
 * the checkpoint with a cut of its own, as Lambda's do; a crash leaves the checkpoint where it was.
 */
test("each event is stored exactly once under random cuts, crashes before and after the insert, and producers' repeats", async () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 12 });
  const steps = fc.array(
    fc.record({
      cut: fc.integer({ min: 1, max: 6 }),
      fault: fc.constantFrom<InsertFault | "uncommitted">(undefined, undefined, "none", "lost", "uncommitted"),
    }),
    { maxLength: 40 },
  );
  await fc.assert(
    fc.asyncProperty(
      sizes,
      fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
      steps,
      async (records, dice, plan) => {
        const sent: string[] = [];
        const pieces = records.map((size, index) =>
          aPiece(
            index,
            Array.from({ length: size }, () => {
              if (sent.length > 0 && dice.next().value < 0.3)
                return { id: sent[Math.floor(dice.next().value * (sent.length - 1))] ?? "", suspect: true };
              sent.push(`m-${sent.length}`);
              return { id: sent.at(-1) ?? "", suspect: dice.next().value < 0.2 };
            }),
          ),
        );
        let fault: InsertFault;
        const table = aTable(() => fault);
        const store = createStoreOnce(table.ports);
        let checkpoint = 0;
        const deliver = async (cut: number, step: InsertFault | "uncommitted") => {
          const chunk = pieces.slice(checkpoint, checkpoint + cut);
          fault = step === "uncommitted" ? undefined : step;
          const done = await store(rangeOf(chunk), chunk, LATER).then(
            () => true,
            () => false,
          );
          if (done && step !== "uncommitted") checkpoint += chunk.length;
        };
        for (const { cut, fault: step } of plan) await deliver(cut, step);
        // A writer that fails for ever shall be seen, not waited for.
        for (let tries = 0; checkpoint < pieces.length && tries < 2 * pieces.length; tries++)
          await deliver(3, undefined);
        expect(checkpoint).toBe(pieces.length);
        expect(stored(table).toSorted()).toEqual(sent.toSorted());
        expect(new Set(table.rows.map(({ seq, sub }) => `${seq}/${sub}`)).size).toBe(table.rows.length);
      },
    ),
    { numRuns: 150 },
  );
});

test("F9: an invocation whose time is over inserts nothing, however far it had come", async () => {
  const table = aTable();
  const pieces = [aPiece(1, clean("a"))];
  let nowMs = 0;
  const slow = {
    ...table.ports,
    storedPositions: async () => {
      nowMs = 60_000;
      return [];
    },
  };
  await expect(createStoreOnce(slow, () => nowMs)(rangeOf(pieces), pieces, 58_000)).rejects.toThrow("time is over");
  expect(table.rows).toEqual([]);
});
