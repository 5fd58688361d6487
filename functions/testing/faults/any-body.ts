import fc from "fast-check";
import { anyNames, texts } from "../arbitraries.ts";

/** Names that something may give a meaning to. */
const oddNames = fc.constantFrom(
  ..."__proto__ constructor prototype toString hasOwnProperty length _ a.b a_b a-b é e\u0301 ﬀ İ 🎉 1 -1".split(" "),
  ...["", " ", "a b", "\u0000", "\ud800", "\udfff x", "\ufffe", "\u202e", "x".repeat(300)],
);
const names = fc.oneof(anyNames, oddNames, fc.constantFrom("a", "b", "price", "Price", "user id"));
const oddTexts = fc.constantFrom(
  ...["\u0000", "\ud800", "a\r\nb", "\u001b[31m", "x".repeat(10_000), "../../etc/passwd", "<script>", "' OR 1=1 --"],
  ...["2026-02-30T00:00:00Z", "2026-11-21T12:00:00Z", "0000-00-00", "NaN", "null", "wk_***", "9".repeat(400)],
);
const numbers = fc.oneof(fc.double(), fc.integer(), fc.constantFrom(1e308, -1e308, 5e-324, 2 ** 53, 2 ** 53 + 2));
const leaf: fc.Arbitrary<unknown> = fc.oneof(texts, oddTexts, numbers, fc.boolean(), fc.constant(null));

/** An own `__proto__` too, which an object literal cannot have. */
const objects = (value: fc.Arbitrary<unknown>, maxLength: number) =>
  fc.array(fc.tuple(names, value), { maxLength }).map((entries) => {
    const made = {};
    for (const [name, held] of entries)
      Object.defineProperty(made, name, { value: held, enumerable: true, configurable: true, writable: true });
    return made;
  });

/** Anything that JSON can say. */
const { value: anyValue } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaf,
    fc.array(tie("value"), { maxLength: 4 }),
    objects(tie("value"), 5),
  ),
}));

/** The properties of an event, or what was sent for them. */
export const anyBag = objects(anyValue, 6);

const wide = fc
  .constantFrom(999, 1_000, 1_001, 5_000)
  .map((keys) => Object.fromEntries(Array.from({ length: keys }, (_, key) => [`k${key}`, key])));
const simple = fc.dictionary(fc.constantFrom("price", "orderId", "tags", "nested", "__proto__"), leaf, { maxKeys: 4 });
const bags = fc.oneof(
  { weight: 30, arbitrary: simple },
  { weight: 3, arbitrary: anyBag },
  { weight: 1, arbitrary: wide },
);

const FIELDS = ["type", "event", "messageId", "userId", "anonymousId", "timestamp", "sentAt", "properties", "context"];
const goodEvents = fc.record(
  {
    type: fc.constantFrom("track", "track", "track", "identify", "page", "screen", "group", "alias"),
    ...{ event: fc.constantFrom("Order Completed", "Step", "x"), messageId: fc.uuid() },
    ...{ anonymousId: fc.constantFrom("a", "b", "c"), groupId: fc.constant("g"), previousId: fc.constant("p") },
    ...{ properties: bags, traits: bags, context: bags },
    timestamp: fc.constantFrom("2026-11-21T11:59:59Z", "2026-11-21T11:59:59.123456789+05:30"),
  },
  { requiredKeys: ["type", "event", "messageId", "anonymousId", "groupId", "previousId"], noNullPrototype: true },
);
/** Events that are good but for their bags, and now and then for one field. */
const events = fc.oneof(
  { weight: 12, arbitrary: goodEvents },
  {
    weight: 1,
    arbitrary: fc
      .tuple(goodEvents, fc.constantFrom(...FIELDS), anyValue)
      .map(([event, field, value]) => ({ ...event, [field]: value })),
  },
);
const lists = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.array(fc.oneof({ weight: 20, arbitrary: events }, anyValue), { minLength: 1, maxLength: 6 }),
  },
  fc.constant([]),
);

/** So many objects or lists in each other, as text: some are deeper than a stack. */
const deep = fc
  .tuple(fc.constantFrom(10, 15, 16, 17, 40, 1_000, 12_000, 200_000), fc.boolean())
  .map(([levels, list]) =>
    list ? `${"[".repeat(levels)}1${"]".repeat(levels)}` : `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`,
  );

/** JSON in which a few characters were changed, cut or put in. */
const PUT_IN = ["", "}", "{", '"', "\\", "\\u0000", "\\ud800", "\0", ",", "1e999", "//", "\ufeff", "\xff"];
const nearly = (whole: fc.Arbitrary<string>) =>
  fc.tuple(whole, fc.nat(), fc.constantFrom(...PUT_IN), fc.nat(3)).map(([text, at, put, cut]) => {
    const place = at % Math.max(1, text.length);
    return Buffer.from(text.slice(0, place) + put + text.slice(place + cut), put === "\xff" ? "latin1" : "utf8");
  });

const json = (value: unknown) => JSON.stringify(value) ?? "";
const bytes = (text: string) => Buffer.from(text);
const oneEvent = events.map(json);
const oneBatch = fc.tuple(lists, objects(leaf, 3)).map(([batch, rest]) => json({ ...rest, batch }));
const lines = lists.map((list) => list.map(json).join("\n"));

/** Bodies by the kind of call that they are meant for. */
export const bodies: Record<"single" | "batch" | "import" | "any", fc.Arbitrary<Uint8Array>> = {
  single: fc.oneof(
    { weight: 24, arbitrary: oneEvent.map(bytes) },
    { weight: 2, arbitrary: nearly(oneEvent) },
    {
      weight: 1,
      arbitrary: deep.map((text) => bytes(`{"event":"e","anonymousId":"a","properties":{"deep":${text}}}`)),
    },
  ),
  batch: fc.oneof(
    { weight: 24, arbitrary: oneBatch.map(bytes) },
    { weight: 2, arbitrary: nearly(oneBatch) },
    {
      weight: 1,
      arbitrary: deep.map((text) => bytes(`{"batch":[{"type":"page","userId":"u","context":${text}},${text}]}`)),
    },
  ),
  import: fc.oneof(
    { weight: 12, arbitrary: lines.map(bytes) },
    { weight: 12, arbitrary: lists.map((list) => bytes(json(list))) },
    { weight: 2, arbitrary: nearly(lines) },
  ),
  any: fc.oneof(
    anyValue.map((value) => bytes(json(value))),
    fc.uint8Array({ maxLength: 300 }),
    deep.map(bytes),
  ),
};
