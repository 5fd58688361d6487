import fc from "fast-check";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import type { CheckedEvent, Json, JsonObject } from "../event/event.ts";
import { READ_SETTINGS } from "../stores/clickhouse/run-query.ts";
import { aCheckedEvent, iso, MINUTE, NOW, SOURCE } from "../testing/builders.ts";
import { type FreshClickHouse, freshClickHouse } from "../testing/fresh-clickhouse.ts";
import { storeEvents } from "../testing/stored-events.ts";
import { FILTER_OPS, Filter, type Scalar } from "./filter.ts";
import { compileFilters } from "./predicates.ts";

const EVENTS = 120;
const FILTERS_A_QUERY = 40;
const ROUNDS = 6;
/** Each round is one query with forty conditions. */
const TEST_LIMIT_MS = 180_000;

const STRINGS = [
  ...[
    "",
    "12",
    "a",
    "A b",
    "ab",
    "ÄÖ",
    "цена",
    "ЦЕНА",
    "価格",
    "🎉",
    "it's",
    'q"uote',
    "back\\slash",
    "tab\t",
    "line\nline",
  ],
  ...[
    "%_",
    "{x: String}",
    "true",
    "null",
    "2026-01-01",
    "2026-01-01 10:00:00",
    "2026-01-01T10:00:00Z",
    "\\N",
    "\0",
    "'); --",
  ],
];
const NUMBERS = [0, 1, -5, 12, 12.5, 0.1, 1e18, 2 ** 53, 2 ** 63, -(2 ** 62), 1e300, 5e-324];
const scalar: fc.Arbitrary<Scalar> = fc.constantFrom<Scalar>(...STRINGS, ...NUMBERS, true, false);
const list = fc.array(fc.oneof(scalar, fc.constantFrom<Json>(null, [1], ["a"], [])), { maxLength: 4 });
const value: fc.Arbitrary<Json> = fc.oneof(
  { weight: 6, arbitrary: scalar },
  { weight: 3, arbitrary: list },
  fc.constant(null),
);
const PATHS = ["price", "plan", "null", "size0", "_x", "1st", "naïve", "価格", "event"];
const bag: fc.Arbitrary<JsonObject> = fc.dictionary(fc.constantFrom(...PATHS), value, {
  maxKeys: 7,
  noNullPrototype: true,
});
const times = fc.integer({ min: 0, max: 20 }).map((minutes) => NOW - minutes * MINUTE);
const event = fc.record({
  event: fc.constantFrom(...STRINGS),
  userId: fc.constantFrom("", "u1", "u2"),
  properties: bag,
  traits: bag,
  context: fc
    .tuple(bag, fc.constantFrom("", "https://shop.example/A", "https://shop.example/b?c=d"))
    .map(([rest, page_url]) => ({ ...rest, page_url })),
  timestamp: times,
  sentAt: fc.option(times, { nil: undefined }),
});
const field = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(fc.constantFrom("properties", "traits", "context"), fc.constantFrom(...PATHS))
      .map((parts) => parts.join(".")),
  },
  {
    weight: 4,
    arbitrary: fc.constantFrom("event", "user_id", "context.page_url", "timestamp", "sent_at", "source_id"),
  },
);
const valueFor = (name: string) =>
  ["timestamp", "sent_at"].includes(name)
    ? times.map(iso)
    : name === "source_id"
      ? fc.constantFrom(SOURCE, SOURCE.toUpperCase(), crypto.randomUUID())
      : scalar;
const filter: fc.Arbitrary<Filter> = field
  .chain((name) =>
    fc.tuple(
      fc.constant(name),
      fc.constantFrom(...FILTER_OPS),
      valueFor(name),
      fc.array(valueFor(name), { minLength: 1, maxLength: 4 }),
    ),
  )
  .map(([name, op, one, many]) => {
    if (op === "exists" || op === "not_exists") return { field: name, op };
    return { field: name, op, value: op === "in" || op === "not_in" ? many : one };
  })
  .filter((given) => Filter.safeParse(given).success);

/** What each operator means, said once more in JavaScript. */
function holds({ field, op, value }: Filter, event: CheckedEvent): boolean {
  const held = heldBy(field, event);
  const own = !/^(properties|traits|context)\./.test(field) || field === "context.page_url";
  const absent = held === undefined || held === null || (own && held === "");
  const values = (Array.isArray(value) ? value : value === undefined ? [] : [value]).map((one) => normal(field, one));
  const [first] = values;
  switch (op) {
    case "eq":
    case "in":
      return values.some((one) => one === held);
    case "neq":
    case "not_in":
      return !values.some((one) => one === held);
    case "exists":
      return !absent;
    case "not_exists":
      return absent;
    case "contains":
      if (Array.isArray(held)) return held.some((one) => one === first);
      return (
        !absent &&
        typeof held === "string" &&
        typeof first === "string" &&
        held.toLowerCase().includes(first.toLowerCase())
      );
    default: {
      if (absent || typeof held !== typeof first || typeof held === "object" || typeof held === "boolean") return false;
      const order =
        typeof held === "string" ? Buffer.compare(Buffer.from(held), Buffer.from(String(first))) : held - Number(first);
      return { gt: order > 0, gte: order >= 0, lt: order < 0, lte: order <= 0 }[op];
    }
  }
}

const normal = (field: string, value: Scalar): Scalar =>
  field === "source_id"
    ? String(value).toLowerCase()
    : ["timestamp", "sent_at"].includes(field)
      ? Date.parse(String(value))
      : value;

function heldBy(field: string, event: CheckedEvent): Json | undefined {
  const own: Record<string, Json | undefined> = {
    event: event.event,
    user_id: event.userId,
    timestamp: event.timestamp,
    sent_at: event.sentAt,
    source_id: event.sourceId,
  };
  if (field in own) return own[field];
  const [column = "", path = ""] = field.split(".");
  return { properties: event.properties, traits: event.traits, context: event.context }[column]?.[path];
}

let warehouse: FreshClickHouse;
beforeAll(async () => {
  warehouse = await freshClickHouse(inject("engines").warehouse.url);
});
afterAll(() => warehouse?.drop());

test(
  "filters select exactly the events that JavaScript selects, for mixed and missing values of every kind",
  async () => {
    const seed = Date.now() % 2 ** 31;
    const events = fc
      .sample(event, { numRuns: EVENTS, seed })
      .map((fields, index) => aCheckedEvent({ ...fields, messageId: `${index}` }));
    await storeEvents(warehouse.client, events);
    const filters = fc.sample(filter, { numRuns: FILTERS_A_QUERY * ROUNDS, seed });
    let selected = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const some = filters.slice(round * FILTERS_A_QUERY, (round + 1) * FILTERS_A_QUERY);
      const parts = some.map((one, index) => compileFilters([Filter.parse(one)], `r${index}f`));
      const answer = await warehouse.client.query({
        query: `SELECT message_id, [${parts.map(({ text }) => `toUInt8(1 ${text})`).join(",\n")}] AS held FROM events`,
        query_params: Object.assign({}, ...parts.map(({ values }) => values)),
        format: "JSONEachRow",
        clickhouse_settings: READ_SETTINGS,
      });
      for (const { message_id, held } of await answer.json<{ message_id: string; held: number[] }>()) {
        const stored = events[Number(message_id)] ?? aCheckedEvent();
        some.forEach((one, index) => {
          const expected = holds(one, stored);
          if (expected) selected++;
          expect(Boolean(held[index]), `seed ${seed}: ${JSON.stringify(one)} on ${JSON.stringify(stored)}`).toBe(
            expected,
          );
        });
      }
    }
    expect(selected).toBeGreaterThan(EVENTS);
  },
  TEST_LIMIT_MS,
);

test(
  "a filter on one path reads that path and not its whole column",
  async () => {
    const wide = { fat: "x".repeat(500), price: 1 };
    const events = Array.from({ length: 500 }, (_, index) =>
      aCheckedEvent({ messageId: `w${index}`, properties: { ...wide, fat: `${index}${wide.fat}` } }),
    );
    await storeEvents(warehouse.client, events);
    const bytesRead = async (condition: string, values: Record<string, unknown> = {}) => {
      const answer = await warehouse.client.query({
        query: `SELECT count() FROM events WHERE ${condition}`,
        query_params: values,
        format: "JSON",
      });
      return (await answer.json()).statistics?.bytes_read ?? 0;
    };
    const { text, values } = compileFilters([{ field: "properties.price", op: "eq", value: 1 }]);
    const one = await bytesRead(`1 ${text}`, values);
    expect(one).toBeGreaterThan(0);
    expect(await bytesRead("ignore(properties) = 0")).toBeGreaterThan(5 * one);
  },
  TEST_LIMIT_MS,
);
