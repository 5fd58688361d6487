import { describe, expect, test } from "vitest";
import type { Json, JsonObject } from "../../event/event.ts";
import { AppError } from "../../kit/errors.ts";
import { LIMITS } from "../../testing/builders.ts";
import { flatten } from "../flatten.ts";
import { parse } from "../parse.ts";
import { messageIdOf, validate } from "../validate.ts";
import type { Dialect } from "./dialect.ts";
import { openpanel } from "./openpanel.ts";
import { jitsuPixel, rudderPixel } from "./pixel.ts";
import { plausible } from "./plausible.ts";
import { isPosthogBatch, posthog } from "./posthog.ts";
import { umami } from "./umami.ts";
import { webhook } from "./webhook.ts";

const one = (dialect: Dialect, body: Json, hints = {}) => dialect.read(body, hints, null).drafts[0] as JsonObject;
const refused = (field?: string) => expect.objectContaining({ code: "validation_failed", ...(field && { field }) });

describe("B-26 K-20 PostHog", () => {
  const event = (fields: JsonObject) =>
    one(posthog, { api_key: "phc", batch: [{ distinct_id: "u1", uuid: "id-1", ...fields }] });

  test.each<[JsonObject, JsonObject]>([
    [
      { event: "Paid", properties: { price: 3, $lib: "posthog-node", $lib_version: "5" }, timestamp: "T" },
      { type: "track", event: "Paid", userId: "u1", properties: { price: 3 }, timestamp: "T", messageId: "id-1" },
    ],
    [
      { event: "$identify", properties: { $anon_distinct_id: "a1", $set: { plan: "pro" } } },
      { type: "identify", userId: "u1", anonymousId: "a1", traits: { plan: "pro" } },
    ],
    [
      { event: "$identify", $set: { plan: "pro" } },
      { type: "identify", traits: { plan: "pro" } },
    ],
    [
      { event: "$set", $set: { plan: "pro" } },
      { type: "identify", userId: "u1", traits: { plan: "pro" } },
    ],
    [
      { event: "$set", properties: { $set: { plan: "pro" } } },
      { type: "identify", userId: "u1", traits: { plan: "pro" } },
    ],
    [
      { event: "$set_once", $set_once: { first: 1 } },
      { type: "track", event: "$set_once", properties: { first: 1 } },
    ],
    [
      { event: "$create_alias", properties: { distinct_id: "u1", alias: "old" } },
      { type: "alias", userId: "u1", previousId: "old" },
    ],
    [
      { event: "$groupidentify", properties: { $group_type: "org", $group_key: "g1", $group_set: { seats: 5 } } },
      { type: "group", groupId: "g1", traits: { seats: 5 } },
    ],
    [
      { event: "$pageview", properties: { $current_url: "https://x/y", $pathname: "/y" } },
      {
        type: "page",
        properties: {},
        context: expect.objectContaining({ page: expect.objectContaining({ url: "https://x/y" }) }),
      },
    ],
    [
      { event: "$screen", properties: { $screen_name: "Main" } },
      { type: "screen", name: "Main" },
    ],
    [
      { event: "$groupidentify", distinct_id: "$org_g1", properties: { $group_type: "org", $group_key: "g1" } },
      { type: "group", groupId: "g1", anonymousId: "$org_g1" },
    ],
    [
      { event: "X", properties: { $device_id: "u1" } },
      { type: "track", anonymousId: "u1" },
    ],
  ])("%j", (given, expected) => {
    expect(event(given)).toMatchObject(expected as Record<string, unknown>);
  });

  test("finds the person in the properties too, and hides PostHog's own names", () => {
    const draft = one(posthog, {
      api_key: "k",
      batch: [{ event: "E", properties: { distinct_id: "u2", token: "k", a: 1 } }],
    });
    expect(draft).toMatchObject({ userId: "u2", properties: { a: 1 } });
    expect(draft.properties).toEqual({ a: 1 });
  });

  test("a batch says when it was sent, for each of its events", () => {
    const { drafts, key } = posthog.read({ token: "k", sent_at: "S", batch: [{ event: "E" }, 5] }, {}, null);
    expect(key).toBe("k");
    expect(drafts).toMatchObject([{ sentAt: "S" }, { sentAt: "S", event: null }]);
  });

  test("is told from Segment by its distinct_id", () => {
    expect(isPosthogBatch({ api_key: "k", batch: [{ distinct_id: "u" }] })).toBe(true);
    expect(isPosthogBatch({ api_key: "k", batch: [{ properties: { distinct_id: "u" } }] })).toBe(true);
    expect(isPosthogBatch({ api_key: "k", batch: [{ userId: "u", type: "track" }] })).toBe(false);
    expect(isPosthogBatch({ writeKey: "k", batch: [{ distinct_id: "u" }] })).toBe(false);
    expect(isPosthogBatch({ api_key: "k", batch: {} })).toBe(false);
  });

  test("without a list is refused", () => {
    expect(() => posthog.read({}, {}, null)).toThrow(refused("batch"));
    expect(() => posthog.read([], {}, null)).toThrow(refused("batch"));
  });
});

describe("K-22 Plausible", () => {
  test("a page view is a page, with its URL taken apart", () => {
    const foreign = plausible.read(
      { n: "pageview", u: "https://ex.com/a?b=c", d: "ex.com", r: null, w: 800, h: 0 },
      {},
      null,
    );
    expect(foreign).toMatchObject({ domain: "ex.com", visitors: true });
    expect(foreign.drafts).toMatchObject([
      {
        type: "page",
        properties: { url: "https://ex.com/a?b=c", path: "/a", search: "?b=c" },
        context: { screen: { width: 800 } },
      },
    ]);
  });

  test("another name is a track event; properties may be an object or JSON in a text", () => {
    for (const p of [{ a: 1 }, '{"a":1}'])
      expect(one(plausible, { n: "Signup", u: "https://ex.com/", d: "ex.com", p })).toMatchObject({
        type: "track",
        event: "Signup",
        properties: { a: 1 },
      });
    expect(one(plausible, { n: "Buy", d: "ex.com", $: { amount: 5, currency: "EUR" } })).toMatchObject({
      properties: { revenue: 5, currency: "EUR" },
    });
  });

  test("of several domains the first counts; newer names are read too", () => {
    expect(plausible.read({ name: "E", url: "x", domain: "a.com, b.com" }, {}, null)).toMatchObject({
      domain: "a.com",
    });
  });

  test("with properties that cannot be read is refused", () => {
    expect(() => one(plausible, { n: "E", p: "{" })).toThrow(refused("p"));
    expect(() => one(plausible, "x")).toThrow(refused());
  });
});

describe("K-23 Umami", () => {
  const website = "11111111-2222-4333-8444-555555555555";
  test.each<[JsonObject, JsonObject]>([
    [
      { url: "/a", hostname: "ex.com", title: "T" },
      { type: "page", properties: { url: "https://ex.com/a", path: "/a", title: "T" } },
    ],
    [
      { name: "Signup", data: { plan: "pro" } },
      { type: "track", event: "Signup", properties: { plan: "pro" } },
    ],
    [
      { name: "E", id: "u1" },
      { type: "track", userId: "u1" },
    ],
    [{ screen: "800x600", language: "en" }, { context: { screen: { width: 800, height: 600 }, locale: "en" } }],
  ])("%j", (payload, expected) => {
    const foreign = umami.read({ type: "event", payload: { website, ...payload } }, {}, null);
    expect(foreign).toMatchObject({ site: website, visitors: true });
    expect(foreign.drafts[0]).toMatchObject(expected as Record<string, unknown>);
  });

  test("identify is an identify call", () => {
    expect(one(umami, { type: "identify", payload: { website, data: { plan: "pro" } } })).toMatchObject({
      type: "identify",
      traits: { plan: "pro" },
    });
  });

  test("without a payload is refused", () => {
    expect(() => one(umami, {})).toThrow(refused("payload"));
  });
});

describe("K-21 OpenPanel", () => {
  const hints = { "openpanel-client-id": "wk", "openpanel-sdk-name": "node", "openpanel-sdk-version": "1.3.1" };
  test.each<[string, JsonObject, JsonObject]>([
    [
      "track",
      { name: "E", profileId: "u1", properties: { a: 1, __path: "/x", __timestamp: "T" } },
      { type: "track", event: "E", userId: "u1", properties: { a: 1 }, timestamp: "T" },
    ],
    [
      "track",
      { name: "screen_view", properties: { __path: "/x", __title: "X" } },
      { type: "page", properties: {}, context: { page: { url: "/x", title: "X" } } },
    ],
    ["track", { name: "revenue", properties: { __revenue: 5 } }, { event: "revenue", properties: { revenue: 5 } }],
    [
      "identify",
      { profileId: "u1", firstName: "A", properties: { plan: "pro" } },
      { type: "identify", userId: "u1", traits: { firstName: "A", plan: "pro" } },
    ],
    ["group", { id: "g1", name: "Org" }, { type: "group", groupId: "g1", traits: { name: "Org" } }],
    ["assign_group", { groupIds: ["g1"], profileId: "u1" }, { type: "group", groupId: "g1", userId: "u1" }],
    ["alias", { profileId: "u1", alias: "old" }, { type: "alias", userId: "u1", previousId: "old" }],
    [
      "increment",
      { profileId: "u1", property: "visits", value: 2 },
      { type: "track", event: "profile_increment", properties: { property: "visits", value: 2 } },
    ],
    ["decrement", { profileId: "u1", property: "visits" }, { event: "profile_decrement", properties: { value: 1 } }],
  ])("%s %j", (type, payload, expected) => {
    const foreign = openpanel.read({ type, payload }, hints, null);
    expect(foreign.drafts[0]).toMatchObject(expected as Record<string, unknown>);
    expect(foreign.drafts[0]).toMatchObject({ context: { library: { name: "openpanel-node", version: "1.3.1" } } });
  });

  test("E3 names that set a prototype are names like others, as in PostHog's properties", () => {
    const given = JSON.parse('{"__proto__":{"__revenue":5,"smuggled":1},"a":1}') as JsonObject;
    const { properties } = one(openpanel, { type: "track", payload: { name: "E", properties: given } }, hints);
    expect(flatten(properties as JsonObject, "properties")).toEqual({ a: 1 });
    const item = one(posthog, { batch: [{ event: "E", distinct_id: "u1", properties: given }] });
    expect(flatten(item.properties as JsonObject, "properties")).toEqual({ a: 1 });
  });

  test("of another type is refused", () => {
    expect(() => one(openpanel, { type: "replay", payload: {} })).toThrow(refused("type"));
    expect(() => one(openpanel, { type: "track" })).toThrow(refused("payload"));
  });
});

describe("K-36 the pixel of RudderStack", () => {
  test("makes paths of dotted names, and its key is none of the event", () => {
    const query = {
      writeKey: "wk",
      event: "Opened",
      "properties.mail.id": "7",
      "context.page.url": "u",
      anonymousId: "a",
    };
    expect(one(rudderPixel("track"), query)).toEqual({
      type: "track",
      event: "Opened",
      anonymousId: "a",
      properties: { mail: { id: "7" } },
      context: { page: { url: "u" } },
    });
  });

  test("a name that JavaScript gives a meaning to is a name like any other", () => {
    const draft = one(rudderPixel("page"), { "__proto__.polluted": "1", "properties.__proto__.x": "1" });
    expect({}).not.toHaveProperty("polluted");
    expect(Object.keys(draft)).toContain("__proto__");
  });

  test("a path meets a value: the later one counts, and nothing breaks", () => {
    expect(one(rudderPixel("track"), { properties: "x", "properties.a": "1" })).toMatchObject({
      properties: { a: "1" },
    });
  });
});

describe("K-38 the pixel of Jitsu", () => {
  const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64");
  test("carries an event, and its key where it is not masked", () => {
    const event = { event: "E", anonymousId: "a", writeKey: "wk" };
    expect(jitsuPixel("track").read({ data: base64(event) }, {}, null)).toMatchObject({
      drafts: [{ type: "track", event: "E", anonymousId: "a" }],
      key: "wk",
    });
    expect(jitsuPixel("track").read({ data: base64({ writeKey: "id:***" }) }, {}, null).key).toBeUndefined();
  });

  test.each([undefined, "", "%%%", base64([1]), base64("x")])("that holds %s is refused", (data) => {
    expect(() => jitsuPixel("track").read(data === undefined ? {} : { data }, {}, null)).toThrow(refused("data"));
  });
});

test("13c what a dialect reads out of a text or base64 is as clean as what stands in the body", () => {
  const event = '{"event":"E\\ud800","n":"E\\ud800","properties":{"a\\u0000":"\\udc00"}}';
  const bodies: [Dialect, object][] = [
    [jitsuPixel("track"), { data: Buffer.from(event).toString("base64url") }],
    [plausible, { n: "E\ud800", d: "shop.example", p: '{"a\\u0000":"\\udc00"}' }],
  ];
  for (const [dialect, body] of bodies) {
    const { items } = parse(Buffer.from(JSON.stringify(body)), { kind: "foreign", dialect, hints: {} }, LIMITS);
    expect(items).toMatchObject([{ draft: { event: "E\ufffd", properties: { a: "\ufffd" } }, cleaned: true }]);
  }
});

describe("B-25 a webhook", () => {
  test("S-12 keeps no write key among its properties, which a GET has in its query", () => {
    expect(one(webhook, { writeKey: "wk", writekey: "wk", a: "1" }).properties).toEqual({ a: "1" });
  });

  test("is a track event of what it holds, by the usual names", () => {
    expect(one(webhook, { type: "invoice.paid", user: { id: "u1" }, created_at: "T" })).toMatchObject({
      type: "track",
      event: "invoice.paid",
      userId: "u1",
      timestamp: "T",
      properties: { type: "invoice.paid" },
    });
    expect(one(webhook, [1, 2])).toMatchObject({
      event: "Webhook Received",
      anonymousId: "webhook",
      properties: { value: [1, 2] },
    });
  });

  test("is read by its source's mapping: paths, list places, constants in quotes", () => {
    const body = { kind: "x", data: { customer: { id: 7 }, rows: [{ n: 1 }] }, at: "T", key: "d-1" };
    const mapping = {
      event: '"Order Paid"',
      userId: "data.customer.id",
      properties: "data.rows.0",
      timestamp: "at",
      messageId: "key",
    };
    expect(webhook.read(body, {}, mapping).drafts[0]).toMatchObject({
      event: "Order Paid",
      userId: 7,
      properties: { n: 1 },
      timestamp: "T",
      messageId: "d-1",
    });
    expect(() => webhook.read(body, {}, { properties: "at" })).toThrow(refused("properties"));
  });

  test("that its sender repeats has the same id: the delivery's", () => {
    for (const name of ["webhook-id", "svix-id", "x-github-delivery", "x-shopify-webhook-id", "idempotency-key"])
      expect(one(webhook, { event: "E" }, { [name]: "d-1" })).toMatchObject({ messageId: "d-1" });
  });

  test("cannot reach what its body only inherits", () => {
    expect(webhook.read({}, {}, { userId: "constructor.name", event: "__proto__" }).drafts[0]).toMatchObject({
      event: "Webhook Received",
    });
  });
});

test("what every dialect makes of a good call is an event that the door takes", () => {
  const calls: [Dialect, Json][] = [
    [posthog, { api_key: "k", batch: [{ event: "E", distinct_id: "u", properties: {} }] }],
    [plausible, { n: "E", u: "https://ex.com/", d: "ex.com" }],
    [umami, { type: "event", payload: { website: "w", name: "E" } }],
    [openpanel, { type: "track", payload: { name: "E", properties: {} } }],
    [webhook, { event: "E" }],
    [rudderPixel("track"), { event: "E", anonymousId: "a" }],
  ];
  for (const [dialect, body] of calls) {
    const foreign = dialect.read(body, {}, null);
    const draft = { ...foreign.drafts[0], ...(foreign.visitors && { anonymousId: "visitor" }) } as JsonObject;
    expect(() => messageIdOf(draft)).not.toThrow(AppError);
    expect(validate(draft, "foreign", "m")).toMatchObject({ type: "track", event: "E" });
  }
});
