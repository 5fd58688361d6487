import { crc32 } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { checkedEvents } from "../testing/arbitraries.ts";
import { aCheckedEvent, aFrame, NOW } from "../testing/builders.ts";
import { CONTEXT_COLUMNS, FRAME_COLUMNS } from "./columns.ts";
import { contextColumnsOf } from "./context-columns.ts";
import type { CheckedEvent } from "./event.ts";
import { decodeFrame, encodeColumns, eventsIn, type Frame, isArchived, markArchived, markSuspect } from "./frame.ts";
import { valuesOf } from "./frame-reader.ts";
import { selectEvents } from "./select-events.ts";

// Many random cases: on a busy machine they take their time.
vi.setConfig({ testTimeout: 120_000 });

const RAW = 3;
const ZSTD = 4;
const batches = fc.array(checkedEvents, { minLength: 1, maxLength: 8 });
const long = (length: number) => aCheckedEvent({ event: "x".repeat(length) });

/** What the table is to hold of an event, column by column, said without the code under test. */
function expectedOf(event: CheckedEvent): Record<string, unknown> {
  const own = new Set<string>(CONTEXT_COLUMNS);
  const text = (value: unknown) => (typeof value === "string" ? value : value == null ? "" : JSON.stringify(value));
  return {
    source_id: event.sourceId,
    message_id: event.messageId,
    type: event.type,
    event: event.event,
    user_id: event.userId,
    anonymous_id: event.anonymousId,
    group_id: event.groupId,
    previous_id: event.previousId,
    name: event.name,
    category: event.category,
    timestamp: event.timestamp,
    original_timestamp: event.originalTimestamp ?? null,
    sent_at: event.sentAt ?? null,
    received_at: event.receivedAt,
    warnings: event.warnings.join(","),
    ...Object.fromEntries(CONTEXT_COLUMNS.map((path) => [`context.${path}`, text(event.context[path])])),
    properties: meaningOf(JSON.stringify(event.properties)),
    traits: meaningOf(JSON.stringify(event.traits)),
    context: meaningOf(
      JSON.stringify(Object.fromEntries(Object.entries(event.context).filter(([name]) => !own.has(name)))),
    ),
  };
}

const OBJECTS = new Set(["properties", "traits", "context"]);
/** A number may be written in more than one way: what counts is what a parser reads. */
const meaningOf = (text: string): unknown => JSON.parse(text);

function rowsOf(frame: Frame): Record<string, unknown>[] {
  const columns = FRAME_COLUMNS.map(({ name }) => {
    const values = valuesOf(frame, name);
    return [name, OBJECTS.has(name) ? values.map((text) => meaningOf(String(text))) : values] as const;
  });
  return Array.from({ length: frame.events }, (_, index) =>
    Object.fromEntries(columns.map(([name, values]) => [name, values[index]])),
  );
}

describe("a frame", () => {
  test("gives back every value of every event as it was", () => {
    fc.assert(
      fc.property(batches, fc.uuid(), (events, workspaceId) => {
        const record = aFrame(events, workspaceId);
        const frame = decodeFrame(record);
        expect(eventsIn(record)).toBe(events.length);
        expect(frame.workspaceId).toBe(workspaceId);
        expect([...frame.suspects]).toEqual(events.map(({ suspect }) => (suspect ? 1 : 0)));
        expect(rowsOf(frame)).toEqual(events.map(expectedOf));
      }),
      { numRuns: 40 },
    );
  });

  test.each([0, 1, 126, 127, 128, 129, 16_382, 16_383, 16_384, 16_385, 99_999])(
    "keeps texts of %i bytes and their neighbours",
    (length) => {
      const events = [long(1), long(length), aCheckedEvent({ event: "語".repeat(Math.ceil(length / 3)) }), long(2)];
      expect(valuesOf(decodeFrame(aFrame(events)), "event")).toEqual(events.map(({ event }) => event));
    },
  );

  test.each([
    0,
    1,
    -1,
    2 ** 31,
    2 ** 32 - 1,
    2 ** 32,
    -(2 ** 31),
    -(2 ** 32) - 1,
    Date.UTC(1900, 0, 1),
    Date.UTC(2299, 11, 31),
    NOW,
  ])("keeps the time %i to the millisecond", (ms) => {
    const frame = decodeFrame(aFrame([aCheckedEvent({ timestamp: ms, originalTimestamp: ms, sentAt: undefined })]));
    expect(valuesOf(frame, "timestamp")).toEqual([ms]);
    expect(valuesOf(frame, "original_timestamp")).toEqual([ms]);
    expect(valuesOf(frame, "sent_at")).toEqual([null]);
  });

  test("is raw when small and zstd when that is worth it", () => {
    const small = aFrame([aCheckedEvent()]);
    const large = aFrame(Array.from({ length: 100 }, () => long(50)));
    expect([small[0], large[0]]).toEqual([RAW, ZSTD]);
    expect(large.length).toBeLessThan(100 * 50);
  });

  test("does not depend on the frames made before it", () => {
    const before = aFrame([aCheckedEvent()]);
    aFrame([long(500_000)]);
    expect(aFrame([aCheckedEvent()])).toEqual(before);
  });

  test("marked suspect makes each of its events suspect, and changes nothing else", () => {
    const record = aFrame([aCheckedEvent(), aCheckedEvent({ messageId: "m-2", suspect: true })]);
    const before = decodeFrame(record);
    markSuspect(record);
    expect(decodeFrame(record)).toEqual({ ...before, suspects: Uint8Array.of(1, 1) });
  });

  test("marked as from the archive is read as before, and stays so when it is put again", () => {
    const record = aFrame([aCheckedEvent(), aCheckedEvent({ messageId: "m-2" })]);
    const before = decodeFrame(record);
    expect(isArchived(record)).toBe(false);
    markArchived(record);
    expect(decodeFrame(record)).toEqual(before);
    markSuspect(record);
    expect(isArchived(record)).toBe(true);
    expect(decodeFrame(record).suspects).toEqual(Uint8Array.of(1, 1));
  });

  test("made of the columns of another is the same record", () => {
    fc.assert(
      fc.property(batches, (events) => {
        const record = aFrame(events);
        expect(encodeColumns(decodeFrame(record)).equals(record)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });
});

describe("bytes that are not the ones written", () => {
  const raw = aFrame([aCheckedEvent(), aCheckedEvent({ messageId: "m-2" })]);
  const zstd = aFrame(Array.from({ length: 20 }, (_, index) => aCheckedEvent({ messageId: `m-${index}` })));

  test.each([
    ["raw", raw],
    ["zstd", zstd],
  ])("are refused or read as what was written, at every byte of a %s frame", (_, record) => {
    const whole = decodeFrame(record);
    for (let at = 0; at < record.length; at++)
      for (const flip of [0x01, 0xff]) {
        if (at === 1 && flip === 0x01) continue; // the mark of a repeated put, set after the checksum was made
        const corrupt = Buffer.from(record);
        corrupt.writeUInt8(corrupt.readUInt8(at) ^ flip, at);
        let read: Frame;
        try {
          read = decodeFrame(corrupt);
        } catch {
          continue;
        }
        expect(read, `byte ${at}`).toEqual(whole);
      }
  });

  test.each([
    ["raw", raw],
    ["zstd", zstd],
  ])("of a %s frame that was cut anywhere are refused", (_, record) => {
    for (let length = 0; length < record.length; length++)
      expect(() => decodeFrame(record.subarray(0, length))).toThrow();
  });

  test("are refused whatever they are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(() => decodeFrame(Buffer.from(bytes))).toThrow();
      }),
    );
    expect(eventsIn(Buffer.alloc(5))).toBe(0);
  });

  test("of another codec are refused with its number", () => {
    const record = Buffer.from(raw);
    record[0] = 2;
    expect(() => decodeFrame(record)).toThrow("not 2");
  });

  test("with a flag that this reader does not know are refused, so that no mark is overlooked", () => {
    const record = Buffer.from(raw);
    markSuspect(record);
    record[1] = 4;
    expect(() => decodeFrame(record)).toThrow("flags");
  });

  test("that hold another number of events than they say are refused, checksum or not", () => {
    const body = Buffer.concat([raw.subarray(10, 26), raw.subarray(27)]); // one of the two suspect bytes less
    const head = Buffer.from(raw.subarray(0, 10));
    head.writeUInt32LE(1, 2);
    head.writeUInt32LE(crc32(body), 6);
    expect(() => decodeFrame(Buffer.concat([head, body]))).toThrow("number of events");
  });

  test("that inflate to more than a frame may hold are refused", () => {
    const bomb = aFrame([aCheckedEvent({ properties: { a: "x".repeat(9 * 1_024 * 1_024) } })]);
    expect(bomb.length).toBeLessThan(100_000);
    expect(() => decodeFrame(bomb)).toThrow();
  });
});

describe("selectEvents", () => {
  test("keeps exactly the chosen events, as encoding only them would", () => {
    fc.assert(
      fc.property(batches, fc.infiniteStream(fc.boolean()), (events, chosen) => {
        const frame = decodeFrame(aFrame(events));
        const kept = events.map((_, index) => index).filter(() => chosen.next().value);
        const selected = selectEvents(frame, kept);
        expect(rowsOf(selected)).toEqual(rowsOf(frame).filter((_, index) => kept.includes(index)));
        expect([...selected.suspects]).toEqual(kept.map((index) => frame.suspects[index]));
        const again = kept.flatMap((index) => events[index] ?? []);
        if (again.length > 0)
          expect(Buffer.concat(selected.columns).equals(Buffer.concat(decodeFrame(aFrame(again)).columns))).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  test("is the frame itself when nothing is left out", () => {
    const frame = decodeFrame(aFrame([aCheckedEvent()]));
    expect(selectEvents(frame, [0])).toBe(frame);
  });
});

test("a column that frames do not have is an error, not an empty list", () => {
  expect(() => valuesOf(decodeFrame(aFrame([aCheckedEvent()])), "nothing")).toThrow("no column nothing");
});

describe("contextColumnsOf", () => {
  test.each<[CheckedEvent["context"], Record<string, string>, string]>([
    [{}, {}, "{}"],
    [{ page_url: "https://a.b", locale: "de" }, { page_url: "https://a.b", locale: "de" }, "{}"],
    [{ page_url: null }, {}, "{}"],
    [
      { os_version: 17, device_type: ["a"], campaign_name: false },
      { os_version: "17", device_type: '["a"]', campaign_name: "false" },
      "{}",
    ],
    [{ ip: "::1", screen_width: 5, tags: [null] }, { ip: "::1" }, '{"screen_width":5,"tags":[null]}'],
  ])("%j has the own columns %j and the rest %s", (context, own, rest) => {
    const columns = contextColumnsOf(context);
    expect(
      Object.fromEntries(CONTEXT_COLUMNS.map((path, at) => [path, columns.own[at]]).filter(([, text]) => text !== "")),
    ).toEqual(own);
    expect(columns.rest).toBe(rest);
  });
});
