import { describe, expect, test } from "vitest";
import type { Draft } from "../event/event.ts";
import { AppError } from "../kit/errors.ts";
import { bytesOf, LIMITS } from "../testing/builders.ts";
import { EVENTS_MAX } from "./batch-limits.ts";
import { parse } from "./parse.ts";

const parsed = (body: unknown, kind: "track" | "batch" | "import") => {
  const { items, ...rest } = parse(
    Buffer.isBuffer(body) ? body : bytesOf(body),
    { kind, dialect: undefined, hints: {} },
    LIMITS,
  );
  return { ...rest, items, drafts: items.map((item) => ("draft" in item ? item.draft : item.refused)) };
};
const single = (body: unknown) => parsed(body, "track");
const batch = (body: unknown) => parsed(body, "batch");
const draftsOf = (body: unknown) => batch(body).drafts as Draft[];
const refused = (code: string, field?: string) => expect.objectContaining({ code, field });

describe("a body that is no JSON", () => {
  test.each<[string, Buffer]>([
    ["empty", Buffer.alloc(0)],
    ["cut", Buffer.from('{"event":')],
    ["text", Buffer.from("event=Hi")],
    ["invalid UTF-8", Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
    ["a surrogate in UTF-8", Buffer.from([0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x3a, 0x31, 0x7d])],
    ["with a raw NUL", Buffer.from('{"event":"a\0b"}')],
    ["followed by more", Buffer.from("{}{}")],
    ["NaN", Buffer.from('{"a":NaN}')],
  ])("(%s) is refused as invalid_json", (_, body) => {
    expect(() => single(body)).toThrow(refused("invalid_json"));
  });

  test.each(["[]", "null", "1", '"text"', "true", "[{}]"])("but %s is refused too: it is no object", (body) => {
    expect(() => single(body)).toThrow(refused("validation_failed"));
    expect(() => batch(body)).toThrow(refused("validation_failed"));
  });

  test("may begin with a byte order mark, as some editors write it", () => {
    expect(single("\ufeff{}").drafts).toEqual([{}]);
  });
});

describe("texts", () => {
  test("lose U+0000, and a lone surrogate becomes U+FFFD, in values, names, lists and ids", () => {
    const { drafts } = single(
      '{"event":"a\\u0000b","properties":{"n\\u0000":["\\ud800x",{"\\udc00":"\\u0000"}]},"messageId":"\\u0000m"}',
    );
    expect(JSON.stringify(drafts[0])).toBe(
      JSON.stringify({ event: "ab", properties: { n: ["\ufffdx", { "\ufffd": "" }] }, messageId: "m" }),
    );
  });

  test("keep what is well formed, escapes included", () => {
    expect(single('{"event":"\\ud83d\\ude00 \\u00e9 \\\\u0000"}').drafts).toEqual([{ event: "😀 é \\u0000" }]);
  });

  test("of names that are equal once cleaned, and of duplicate names, the last counts", () => {
    expect(single('{"a":1,"a\\u0000":2}').drafts).toEqual([{ a: 2 }]);
    expect(single('{"a":1,"a":2}').drafts).toEqual([{ a: 2 }]);
  });
});

describe("a batch", () => {
  test.each(["{}", '{"batch":null}', '{"batch":{}}', '{"batch":"x"}'])(
    "without a list (%s) is refused at batch",
    (body) => {
      expect(batch(body)).toMatchObject({ drafts: [], refused: refused("validation_failed", "batch") });
    },
  );

  test("may be empty", () => {
    expect(batch({ batch: [] })).toEqual({ items: [], drafts: [], key: undefined });
  });

  test("keeps what is no object as one refused item, at its place", () => {
    const { drafts } = batch({ batch: [{ event: "A" }, null, [], "x", { event: "B" }] });
    expect(drafts.map((draft) => (draft instanceof AppError ? draft.field : (draft as Draft).event))).toEqual([
      "A",
      "batch[1]",
      "batch[2]",
      "batch[3]",
      "B",
    ]);
  });

  test("gives its context and sentAt to the events that have none, name by name", () => {
    const context = { library: { name: "x" }, ip: "1.1.1.1" };
    const drafts = draftsOf({
      sentAt: "S",
      context,
      batch: [{}, { sentAt: "T", context: { ip: "2.2.2.2" } }, { sentAt: null, context: null }, { context: "wrong" }],
    });
    expect(drafts).toEqual([
      { sentAt: "S", context },
      { sentAt: "T", context: { ...context, ip: "2.2.2.2" } },
      { sentAt: "S", context },
      { sentAt: "S", context: "wrong" },
    ]);
  });

  test("holds one refused item for an event above one event's limit, and keeps the rest", () => {
    const large = { event: "L", properties: { text: "x".repeat(LIMITS.eventBytesMax) } };
    const { drafts } = batch({ batch: [{ event: "A" }, large, { event: "B" }] });
    expect(drafts[0]).toEqual({ event: "A" });
    expect(drafts[1]).toMatchObject({
      code: "payload_too_large",
      message: expect.stringMatching(/Event batch\[1\] is 101 KB.*100 KB/),
    });
    expect(drafts[2]).toEqual({ event: "B" });
  });

  test("counts an event's own bytes, not its characters", () => {
    const { drafts } = batch({ batch: [{ event: "語".repeat(40_000) }] });
    expect(drafts[0]).toMatchObject({ code: "payload_too_large" });
  });
});

describe("I-06 E1 what is taken is bounded by what was sent", () => {
  const key = { writeKey: "wk" };
  const tooMany = Array.from({ length: EVENTS_MAX + 1 }, () => 1);
  test.each<[string, unknown, "batch" | "import"]>([
    ["a batch", { ...key, batch: tooMany }, "batch"],
    ["a PostHog batch", { api_key: "wk", batch: [{ distinct_id: "d" }, ...tooMany] }, "batch"],
    ["an import", { ...key, batch: tooMany }, "import"],
    ["an array", [key, ...tooMany], "import"],
    ["a list of lines", [JSON.stringify(key), ...tooMany].join("\n"), "import"],
  ])("%s of more events than any client sends is refused whole, once its key was found", (_, body, kind) => {
    expect(parsed(body, kind)).toMatchObject({ drafts: [], key: "wk", refused: refused("payload_too_large") });
  });

  test("as many events as the limit are taken", () => {
    expect(batch({ batch: tooMany.slice(1) }).drafts).toHaveLength(EVENTS_MAX);
    expect(
      parsed(
        tooMany
          .slice(1)
          .fill("{}" as never)
          .join("\n"),
        "import",
      ).drafts,
    ).toHaveLength(EVENTS_MAX);
  });

  test("a context that a batch gives to each of its events does not multiply the batch", () => {
    const context = { text: "x".repeat(50_000) };
    const events = (count: number) => Array.from({ length: count }, (_, index) => ({ event: `${index}` }));
    expect(batch({ ...key, context, batch: events(100) })).toMatchObject({
      drafts: [],
      key: "wk",
      refused: refused("payload_too_large", "context"),
    });
    expect(batch({ context, batch: events(80) }).drafts[79]).toEqual({ event: "79", context });
  });

  test("an event counts with the context that its batch gives it", () => {
    const text = "x".repeat(LIMITS.eventBytesMax - 500);
    const { drafts } = batch({ context: { text: "y".repeat(600) }, batch: [{ event: "A", text }, { event: "B" }] });
    expect(drafts).toMatchObject([{ code: "payload_too_large" }, { event: "B" }]);
  });

  test("an event of a PostHog batch, or of an import by its bytes, is above the limit alone", () => {
    const posthogs = [{ event: "A", distinct_id: "d" }, { properties: { text: "x".repeat(LIMITS.eventBytesMax) } }];
    expect(batch({ api_key: "wk", batch: posthogs }).drafts).toMatchObject([{}, { code: "payload_too_large" }]);
    const wide = [{ event: "A" }, { event: "語".repeat(40_000) }];
    const lines = wide.map((event) => JSON.stringify(event)).join("\n");
    for (const body of [wide, lines])
      expect(parsed(body, "import").drafts).toMatchObject([{ event: "A" }, { code: "payload_too_large" }]);
  });

  test("what is kept of an event above the limit is clean, so that it can be found and replayed by its id", () => {
    const [item] = batch(`{"batch":[{"messageId":"m\\u0000\\ud800","t":"${"x".repeat(LIMITS.eventBytesMax)}"}]}`).items;
    expect(item).toMatchObject({ refused: { code: "payload_too_large" }, raw: { messageId: "m\ufffd" } });
  });
});

describe("nesting without end gets an answer", () => {
  const deep = (levels: number) => `${'{"a":'.repeat(levels)}"\\u0000"${"}".repeat(levels)}`;
  test.each([100, 5_000, 100_000])("%i levels in one event", (levels) => {
    expect(single(`{"event":"E","properties":${deep(levels)}}`).drafts[0]).toHaveProperty("event", "E");
  });

  test.each([100, 5_000, 100_000])("%i levels in an item of a batch", (levels) => {
    const [first, second] = batch(`{"batch":[{"properties":${deep(levels)}},{"event":"B"}]}`).drafts;
    if (levels === 100_000) expect(first).toMatchObject({ code: expect.any(String), name: "AppError" });
    expect(second).toEqual({ event: "B" });
  });
});

describe("the key in a body", () => {
  test.each<[unknown, string | undefined]>([
    [{ writeKey: "wk" }, "wk"],
    [{ writeKey: "id:***" }, undefined],
    [{ writeKey: "" }, undefined],
    [{ writeKey: 5 }, undefined],
    [{ api_key: "wk" }, "wk"],
    [{ writeKey: "id:***", api_key: "wk" }, "wk"],
    [{}, undefined],
  ])("%j has the key %s", (body, key) => {
    expect(single(body).key).toBe(key);
  });

  test("of a batch is its own, else its first event's", () => {
    expect(batch({ writeKey: "wk", batch: [{ writeKey: "first" }] }).key).toBe("wk");
    expect(batch({ writeKey: "id:***", batch: [{ writeKey: "first" }, { writeKey: "second" }] }).key).toBe("first");
    expect(batch({ batch: [null, { writeKey: "second" }] }).key).toBeUndefined();
    expect(batch({ writeKey: "wk" }).key).toBe("wk");
  });
});

describe("a bulk import", () => {
  const imported = (body: unknown) => parsed(body, "import");
  const events = [{ event: "A" }, { event: "B", messageId: "2" }];

  test("may be a batch, a JSON array, an object, or an object a line; the four are the same", () => {
    const lines = events.map((event) => JSON.stringify(event));
    for (const body of [{ batch: events }, events, lines.join("\n"), `${lines.join("\r\n\r\n")}\n`])
      expect(imported(body).drafts).toEqual(events);
    expect(imported(events[0]).drafts).toEqual([events[0]]);
  });

  test("refuses a line that is no JSON, or no object, alone and says which", () => {
    const { drafts } = imported('{"event":"A"}\n{"event":\n5\n{"event":"B"}');
    expect(drafts).toMatchObject([
      { event: "A" },
      { code: "invalid_json", field: "line[1]" },
      { code: "validation_failed", field: "line[2]" },
      { event: "B" },
    ]);
  });

  test.each(["no JSON at all", "1\n2", ""])("that holds no object (%j) is refused as a whole", (body) => {
    expect(() => imported(body)).toThrow(refused("invalid_json"));
  });

  test("may hold its key in its first event", () => {
    expect(imported([{ event: "A", writeKey: "wk" }]).key).toBe("wk");
    expect(imported('{"event":"A"}\n{"event":"B","writeKey":"wk"}').key).toBe("wk");
  });
});

test("only an event whose text was changed is told to be cleaned", () => {
  const { items } = batch('{"batch":[{"event":"a\\u0000"},{"event":"\\u00e9"}]}');
  expect(items).toMatchObject([{ cleaned: true }, { cleaned: false }]);
});
