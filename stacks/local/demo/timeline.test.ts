import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { EVENT_TYPES, type JsonObject } from "../../../functions/event/event.ts";
import { flattened } from "../../../functions/ingest/flatten.ts";
import { stamp } from "../../../functions/ingest/stamp.ts";
import { messageIdOf, validate } from "../../../functions/ingest/validate.ts";
import { AppError } from "../../../functions/kit/errors.ts";
import { DAY_MS, HOUR_MS } from "./calendar.ts";
import { SHOP_URL } from "./catalogue.ts";
import { FLAWS, type Flaw } from "./flaws.ts";
import { FUNNEL } from "./journey.ts";
import { SOURCES } from "./tape.ts";
import { type Plan, timeline } from "./timeline.ts";

vi.setConfig({ testTimeout: 60_000 });

const NOW = Date.UTC(2026, 10, 21, 16, 30);
const plans = fc.record({
  events: fc.integer({ min: 1, max: 800 }),
  days: fc.integer({ min: 1, max: 40 }),
  seed: fc.string({ maxLength: 8 }),
  now: fc.integer({ min: Date.UTC(2020, 0, 1), max: NOW }),
});
const bodiesOf = (plan: Plan) => [...timeline(plan)].map(({ json }) => JSON.parse(json) as JsonObject);
const timeOf = (body: JsonObject) => Date.parse(body.timestamp as string);
/** A month of the shop, for what only many visits can show. */
const month = [...timeline({ events: 40_000, days: 35, seed: "1", now: NOW })].map(({ json, ...event }) => ({
  ...event,
  body: JSON.parse(json) as JsonObject,
}));
const count = (event: string) => month.filter(({ body }) => body.event === event).length;

test("N events are exactly N, with N ids", () => {
  fc.assert(
    fc.property(plans, (plan) => {
      const bodies = bodiesOf(plan);
      expect(bodies).toHaveLength(plan.events);
      expect(new Set(bodies.map(({ messageId }) => messageId)).size).toBe(plan.events);
    }),
    { numRuns: 15 },
  );
});

test("the same plan makes the same bytes", () => {
  fc.assert(
    fc.property(plans, (plan) => {
      expect(JSON.stringify([...timeline({ ...plan })])).toBe(JSON.stringify([...timeline(plan)]));
    }),
    { numRuns: 15 },
  );
});

test("another now moves the times and changes nothing else", () => {
  const timeless = (plan: Plan) =>
    JSON.stringify(
      [...timeline(plan)].map(({ json, ...event }) => [event, json.replaceAll(/"\d{4}-\d\d-\d\dT[\d:.]+Z"/g, "T")]),
    );
  fc.assert(
    fc.property(plans, fc.integer({ min: 1, max: 200 * HOUR_MS }), (plan, laterMs) => {
      expect(timeless({ ...plan, now: plan.now + laterMs })).toBe(timeless(plan));
    }),
    { numRuns: 15 },
  );
});

test("another seed, number of events or of days makes other ids", () => {
  const ids = (plan: Partial<Plan>) =>
    bodiesOf({ events: 400, days: 5, seed: "1", now: NOW, ...plan }).map((b) => b.messageId);
  const first = new Set(ids({}));
  for (const other of [{ seed: "2" }, { events: 401 }, { days: 6 }])
    expect(first.isDisjointFrom(new Set(ids(other)))).toBe(true);
});

test("every event lies within the days before now, and those of one person ascend strictly", () => {
  fc.assert(
    fc.property(plans, (plan) => {
      const last = new Map<string, number>();
      for (const body of bodiesOf(plan)) {
        const at = timeOf(body);
        let after = plan.now - plan.days * DAY_MS - 1;
        for (const id of [body.anonymousId, body.userId].filter((id) => typeof id === "string")) {
          after = Math.max(after, last.get(id) ?? 0);
          last.set(id, at);
        }
        if (at <= after || at > plan.now) throw new Error(`${body.timestamp} of ${body.anonymousId}, ${body.userId}`);
      }
    }),
    { numRuns: 15 },
  );
});

test("a hundred events show all six types and all three sources", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 8 }), (seed) => {
      const some = [...timeline({ events: 100, days: 365, seed, now: NOW })];
      expect(new Set(some.map(({ type }) => type)).isSupersetOf(new Set(EVENT_TYPES))).toBe(true);
      expect(new Set(some.map(({ source }) => source)).size).toBe(SOURCES.length);
    }),
    { numRuns: 60 },
  );
});

test("a person's events come in visits: minutes apart within one, more than 40 minutes from one to the next", () => {
  const last = new Map<unknown, number>();
  const gaps: number[] = [];
  for (const { body } of month.filter(({ body }) => body.anonymousId !== undefined)) {
    const before = last.get(body.anonymousId);
    if (before !== undefined) gaps.push(timeOf(body) - before);
    last.set(body.anonymousId, timeOf(body));
  }
  expect(gaps.filter((ms) => ms > 10 * 60_000 && ms <= 40 * 60_000)).toEqual([]);
  expect(gaps.filter((ms) => ms > 40 * 60_000).length).toBeGreaterThan(500);
});

test("the funnel loses visitors at every step", () => {
  const steps = FUNNEL.map(
    (event) => new Set(month.filter(({ body }) => body.event === event).map(({ body }) => body.anonymousId)).size,
  );
  for (const [at, people] of steps.entries())
    expect(people).toBeLessThan(0.9 * (steps[at - 1] ?? Number.POSITIVE_INFINITY));
  expect(steps.at(-1)).toBeGreaterThan(100);
});

test("fewer come back in every later week", () => {
  const weeks = new Map<unknown, Set<number>>();
  for (const { body } of month) {
    const week = Math.floor((timeOf(body) - (NOW - 35 * DAY_MS)) / (7 * DAY_MS));
    weeks.set(body.anonymousId, (weeks.get(body.anonymousId) ?? new Set()).add(week));
  }
  const cohort = [...weeks.values()].filter((seen) => seen.has(0));
  const retained = [0, 1, 2, 3, 4].map((week) => cohort.filter((seen) => seen.has(week)).length);
  for (const [week, people] of retained.entries())
    expect(people).toBeLessThan(retained[week - 1] ?? Number.POSITIVE_INFINITY);
  expect(retained.at(-1)).toBeGreaterThan(0);
});

test("orders come from the server with products and a revenue that is their worth", () => {
  const orders = month.filter(({ body }) => body.event === "Order Completed" && body.userId !== undefined);
  for (const { source, body } of orders) {
    const { products, revenue, subtotal, discount } = body.properties as {
      products: { price: number; quantity: number }[];
    } & Record<string, number>;
    expect(source).toBe("server");
    expect(products.length).toBeGreaterThan(0);
    expect(products.reduce((sum, { price, quantity }) => sum + price * quantity, 0)).toBeCloseTo(subtotal ?? 0);
    expect(revenue).toBeCloseTo((subtotal ?? 0) - (discount ?? 0));
  }
  expect(count("Order Refunded")).toBeGreaterThan(0);
  expect(count("Order Refunded")).toBeLessThan(count("Order Completed"));
});

test("who has signed in is known by one user id, from there on", () => {
  const known = new Map<unknown, unknown>();
  const wrong: JsonObject[] = [];
  const sound = month.filter(({ body, flaw }) => !flaw && body.type !== "alias").map(({ body }) => body);
  for (const body of sound) {
    const before = known.get(body.anonymousId);
    if (before !== undefined && body.userId !== before) wrong.push(body);
    if (body.userId !== undefined) known.set(body.anonymousId, body.userId);
  }
  expect(wrong).toEqual([]);
  expect(known.size).toBeGreaterThan(200);
});

test("campaigns stand in the landing page's URL and in its context", () => {
  const landed = month.filter(({ body }) => (body.context as JsonObject | undefined)?.campaign !== undefined);
  expect(landed.length).toBeGreaterThan(1_000);
  for (const { body } of landed) {
    const { campaign, page } = body.context as { campaign: { name: string }; page: { url: string; referrer: string } };
    expect(new URL(page.url).searchParams.get("utm_campaign")).toBe(campaign.name);
    expect(page.referrer.startsWith(SHOP_URL)).toBe(false);
  }
});

test("a few visitors are bots, by their user agent", () => {
  const bots = month.filter(({ body }) =>
    /bot|Headless/i.test(String((body.context as JsonObject | undefined)?.userAgent)),
  );
  expect(bots.length / month.length).toBeGreaterThan(0.001);
  expect(bots.length / month.length).toBeLessThan(0.1);
});

/** What the door says of an event today, and that it takes it into the row's shape. */
function verdictOf(body: JsonObject): string | undefined {
  try {
    flattened(stamp(validate(body, "batch", messageIdOf(body) ?? ""), NOW));
    return undefined;
  } catch (error) {
    if (error instanceof AppError) return error.code;
    throw error;
  }
}
const REFUSED: ReadonlySet<Flaw | undefined> = new Set([
  "no_event",
  "no_ids",
  "wrong_id",
  "wrong_properties",
  "unknown_type",
]);

test("the door takes every event but the broken ones, and refuses each of those", () => {
  const judged = month.map(({ body, flaw }) => ({ flaw, body, verdict: verdictOf(body) }));
  expect(
    judged.filter(({ flaw, verdict }) => verdict !== (REFUSED.has(flaw) ? "validation_failed" : undefined)),
  ).toEqual([]);
});

test("flaws of every kind are there, and they are few", () => {
  expect(new Set(month.map(({ flaw }) => flaw))).toEqual(new Set([undefined, ...FLAWS]));
  expect(month.filter(({ flaw }) => flaw !== undefined).length / month.length).toBeLessThan(0.01);
});

test("a property's first type is the right one", () => {
  const first = month.findIndex(({ flaw }) => flaw !== undefined && flaw !== "late");
  expect(first).toBeGreaterThan(1_000);
});

test("late events were sent more than a day before now, after they happened; no other names a time of sending", () => {
  expect(month.filter(({ body, flaw }) => flaw !== "late" && body.sentAt !== undefined)).toEqual([]);
  for (const { body } of month.filter(({ flaw }) => flaw === "late")) {
    const sentAt = Date.parse(body.sentAt as string);
    expect(NOW - sentAt).toBeGreaterThan(24 * HOUR_MS);
    expect(sentAt).toBeGreaterThan(timeOf(body));
  }
});
