import { connect } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { eq } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, inject, test, vi } from "vitest";
import { closeServer, listenGuarded } from "../../../stacks/local/engines/guarded-server.ts";
import { hashOfKey, newWriteKey } from "../../registry/write-key.ts";
import { sources } from "../../stores/postgres/schema/sources.ts";
import { writeKeys } from "../../stores/postgres/schema/write-keys.ts";
import { nested } from "../builders.ts";
import type { Tenant } from "../engine-system.ts";
import { captureLog } from "./capture-log.ts";
import { anEvent, type FaultySystem, idsOf, openFaultySystem } from "./faulty-system.ts";
import { createScript } from "./schedule.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let system: FaultySystem;
let shop: Tenant;
let door: Awaited<ReturnType<typeof listenGuarded>>;
let logged: ReturnType<typeof captureLog>;
beforeAll(async () => {
  logged = captureLog();
  system = await openFaultySystem(inject("engines"), createScript({}));
  shop = await system.tenant();
  door = await listenGuarded(getRequestListener(system.ingest.fetch), 0, () => undefined);
});
afterAll(async () => {
  await closeServer(door.server);
  await system?.close();
  logged.release();
});

/** Sends bytes as they are to the door and resolves with what came back until the connection ended. */
function raw(...parts: (string | Uint8Array)[]): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = connect(door.port, "127.0.0.1");
  let answer = "";
  socket.on("data", (data) => {
    answer += data.toString();
  });
  // A door that has said what it has to say may close while there is still something to write.
  socket.on("error", () => {});
  socket.on("close", () => resolve(answer));
  socket.write(parts[0] ?? "");
  for (const part of parts.slice(1)) socket.write(part);
  return promise;
}
const head = (path: string, ...headers: string[]) =>
  [
    `POST ${path} HTTP/1.1`,
    "Host: 127.0.0.1",
    "Connection: close",
    `X-Write-Key: ${shop.writeKey}`,
    ...headers,
    "",
    "",
  ].join("\r\n");
const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);
const row = async (id: string) => {
  await system.settle();
  const query = `SELECT event, user_id, toJSONString(properties) AS properties, warnings, context.ip AS ip
    FROM events WHERE workspace_id = {workspaceId: UUID} AND message_id = {id: String}`;
  const query_params = { workspaceId: shop.workspaceId, id };
  const found = await system.clickhouse.query({ query, query_params, format: "JSONEachRow" });
  const rows = await found.json<{ event: string; user_id: string; properties: string; warnings: string; ip: string }>();
  expect(rows).toHaveLength(1);
  const [{ properties, ...rest } = { properties: "{}" }] = rows;
  return { ...rest, properties: JSON.parse(properties) as Record<string, unknown> };
};

describe("E1 bytes are counted while they come", () => {
  test("a chunked body without an end is 413 once it passes the limit", async () => {
    const chunk = `${(16_384).toString(16)}\r\n${"x".repeat(16_384)}\r\n`;
    const answer = await raw(
      head("/v1/track", "Transfer-Encoding: chunked"),
      ...Array.from({ length: 40 }, () => chunk),
    );
    expect(statusOf(answer)).toBe(413);
    expect(answer).toContain("payload_too_large");
  });

  test("a length above the limit is 413 before a byte of the body came", async () => {
    expect(statusOf(await raw(head("/v1/batch", "Content-Length: 99999999999"), "{"))).toBe(413);
  });

  test("a length that is not the body's harms nobody: less is cut there, more is waited for until the client goes", async () => {
    const body = JSON.stringify(anEvent("e1-lying"));
    const short = await raw(head("/v1/track", "Content-Length: 5"), body);
    expect(statusOf(short)).toBe(400);
    const socket = connect(door.port, "127.0.0.1");
    socket.write(head("/v1/track", `Content-Length: ${body.length + 9}`) + body);
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.destroy();
    expect((await system.post(shop, "/v1/track", anEvent("e1-after"))).status).toBe(200);
    expect((await row("e1-after")).event).toBe("Step");
    expect((await system.rows(shop)).map(({ id }) => id)).not.toContain("e1-lying");
  });

  test("a small gzip of a large body is 413, whatever the batch limit would allow", async () => {
    const bomb = { batch: [anEvent("e1-bomb", 0, { properties: { text: " ".repeat(20 * 1_024 * 1_024) } })] };
    const { status, body } = await system.post(shop, "/v1/batch", bomb, { gzip: true });
    expect([status, body.code]).toEqual([413, "payload_too_large"]);
  });

  test("S-4 a batch of 512,000 bytes, which SDKs fill, is taken, plain and gzip", async () => {
    for (const gzip of [false, true]) {
      const ids = idsOf(8, `e1-full-${gzip}`);
      const batch = ids.map((id) =>
        anEvent(id, 0, { properties: { text: `${id} ${Math.random()} `.repeat(2_000).slice(0, 63_700) } }),
      );
      const body = { batch, pad: "" };
      body.pad = "x".repeat(512_000 - JSON.stringify(body).length);
      expect((await system.post(shop, "/v1/batch", body, { gzip })).body).toMatchObject({ accepted: 8, rejected: [] });
    }
  });
});

describe("E2 depth, keys and numbers have a range", () => {
  test.each<[string, object, number, string]>([
    ["16 levels", { properties: nested(15, 1) }, 200, ""],
    ["17 levels", { properties: nested(17, 1) }, 400, "properties"],
    ["1,000 keys", { traits: Object.fromEntries(idsOf(1_000, "k").map((name) => [name, 1])) }, 200, ""],
    ["1,001 keys", { traits: Object.fromEntries(idsOf(1_001, "k").map((name) => [name, 1])) }, 400, "traits"],
    ["17 lists", { context: { list: JSON.parse("[".repeat(17) + "]".repeat(17)) } }, 400, "context"],
  ])("%s: %#", async (name, fields, status, field) => {
    const answer = await system.post(shop, "/v1/track", anEvent(`e2 ${name}`, 0, fields));
    expect(answer.status, answer.text).toBe(status);
    if (field) expect(answer.body).toMatchObject({ code: "validation_failed", field });
  });

  test.each([20_000, 60_000])(
    "%i lists in each other are an answer, in an event and in an item of a batch",
    async (levels) => {
      const deep = "[".repeat(levels / 2) + "]".repeat(levels / 2);
      const event = `{"event":"e","anonymousId":"a","properties":{"deep":${deep}}}`;
      expect((await system.post(shop, "/v1/track", event)).status).toBe(400);
      const { status, body } = await system.post(shop, "/v1/batch", `{"batch":[${event},${deep}]}`);
      expect([status, (body.rejected as object[]).length]).toEqual([200, 2]);
    },
  );

  test.each(["1e400", "-1e400"])("%s is no number that can be stored", async (number) => {
    const { status, body } = await system.post(
      shop,
      "/v1/track",
      `{"event":"e","anonymousId":"a","properties":{"n":${number}}}`,
    );
    expect([status, body.field]).toEqual([400, "properties.n"]);
  });
});

describe("E3 names that JavaScript gives a meaning to", () => {
  test("are dropped wherever they stand, pollute nothing, and the rest is stored", async () => {
    const event = `{"event":"Step","messageId":"e3","anonymousId":"a","__proto__":{"polluted":1},"constructor":1,
      "properties":{"__proto__":{"polluted":1},"n":3,"constructor":{"prototype":{"polluted":1}},"list":[{"__proto__":{"x":1},"y":2}]},
      "context":{"__proto__":{"ip":"1.2.3.4"}},"traits":{"prototype":1}}`;
    expect((await system.post(shop, "/v1/track", event)).status).toBe(200);
    expect((await row("e3")).properties).toEqual({ n: 3, list: [{ y: 2 }] });
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  test.each([
    ['{"a":{"b":1},"a_b":2}', "properties.a_b"],
    ['{"Price":1,"price":2}', "properties.price"],
  ])("two paths that meet are 400 with the field: %s", async (properties, field) => {
    const body = `{"event":"e","anonymousId":"a","properties":${properties}}`;
    const answer = await system.post(shop, "/v1/track", body);
    expect([answer.status, answer.body.code, answer.body.field]).toEqual([400, "flatten_conflict", field]);
  });
});

describe("E4 texts and numbers that are none", () => {
  const event = (id: string, properties: string) =>
    `{"event":"Text","messageId":"${id}","anonymousId":"a","properties":${properties}}`;
  test.each<[string, Buffer]>([
    [
      "invalid UTF-8",
      Buffer.concat([Buffer.from('{"event":"'), Buffer.from([0xff, 0xfe]), Buffer.from('","userId":"u"}')]),
    ],
    [
      "an overlong NUL",
      Buffer.concat([Buffer.from('{"event":"'), Buffer.from([0xc0, 0x80]), Buffer.from('","userId":"u"}')]),
    ],
    ["a raw NUL", Buffer.from('{"event":"a\u0000b","userId":"u"}')],
    ["UTF-16", Buffer.from('{"event":"e","userId":"u"}', "utf16le")],
  ])("%s is 400 invalid_json", async (_, bytes) => {
    const answer = await raw(head("/v1/track", `Content-Length: ${bytes.length}`), bytes);
    expect(statusOf(answer)).toBe(400);
    expect(answer).toContain("invalid_json");
  });

  test("an escaped NUL is removed, a lone surrogate becomes U+FFFD, with a warning; whole pairs stay", async () => {
    expect(
      (await system.post(shop, "/v1/track", event("e4-texts", '{"a":"x\\u0000y","b":"\\ud800!","c":"\\ud83c\\udf89"}')))
        .status,
    ).toBe(200);
    const { properties, warnings } = await row("e4-texts");
    expect(properties).toEqual({ a: "xy", b: "\ufffd!", c: "🎉" });
    expect(warnings).toContain("text_cleaned");
  });

  test("of a duplicate key the last counts, and 20 digits keep the precision of a double", async () => {
    await system.post(shop, "/v1/track", event("e4-numbers", '{"twice":1,"twice":2,"large":12345678901234567890}'));
    expect((await row("e4-numbers")).properties).toEqual({ twice: 2, large: 12345678901234567000 });
  });

  test.each([
    ["messageId", 512],
    ["userId", 512],
    ["event", 255],
  ])("%s may have %i characters and not one more", async (field, max) => {
    const id = "i".repeat(max);
    expect((await system.post(shop, "/v1/track", { ...anEvent("e4"), [field]: id })).status).toBe(200);
    const { status, body } = await system.post(shop, "/v1/track", { ...anEvent("e4"), [field]: `${id}i` });
    expect([status, body.field]).toEqual([400, field]);
  });
});

describe("E5 a write key", () => {
  test("is kept as its hash only: neither the database, nor the cache, nor a log line, nor an answer has it", async () => {
    await system.post(shop, `/v1/track?writeKey=${shop.writeKey}`, { ...anEvent("e5"), writeKey: shop.writeKey });
    await system.post(shop, "/v1/track", { ...anEvent("e5-bad", 0, { event: "" }), writeKey: shop.writeKey });
    const wrong = newWriteKey().reveal();
    const refused = await system.post({ ...shop, writeKey: wrong }, "/v1/track", anEvent("e5-wrong"));
    await system.ingest.request(`/v1/projects/${shop.writeKey}/settings`);
    expect(refused.status).toBe(401);
    const rows = await system.database.select().from(writeKeys).where(eq(writeKeys.sourceId, shop.sourceId));
    expect(rows).toMatchObject([{ keyHash: hashOfKey(shop.writeKey) }]);
    const cached = await system.cache.client.keys("*");
    await system.settle();
    const letters = await system.ask(shop, "/dlq?message_id=e5-bad");
    const letter = await system.ask(shop, `/dlq/${letters.body.letters[0].id}`);
    const told = [JSON.stringify(rows), ...cached, ...logged.lines(), refused.text, JSON.stringify(letter.body)].join(
      "\n",
    );
    for (const key of [shop.writeKey, wrong]) expect(told).not.toContain(key);
    expect(told).toContain(`${wrong.slice(0, 5)}…${wrong.slice(-2)}`);
  });
});

describe("E7 a beacon of text/plain, which needs no preflight", () => {
  test("is an event on the ingest door, and on the query door it has no authority", async () => {
    const headers = { "content-type": "text/plain;charset=UTF-8", origin: "https://shop.example" };
    const beacon = JSON.stringify({ batch: [anEvent("e7")], writeKey: shop.writeKey });
    const taken = await system.ingest.request("/beacon/v1/batch", { method: "POST", headers, body: beacon });
    expect(taken.status).toBe(200);
    for (const path of ["/sources", "/tokens", "/dlq/replay", `/dlq/${shop.sourceId}/replay`]) {
      const answer = await system.query.request(path, { method: "POST", headers, body: '{"name":"evil"}' });
      expect([400, 401], path).toContain(answer.status);
      expect(answer.headers.get("access-control-allow-origin")).toBeNull();
    }
  });
});

describe("E8 limits", () => {
  const limitedTenant = async (window_requests_max: number | null, day_events_max: number | null) => {
    const tenant = await system.tenant();
    const limits = { window_requests_max, day_events_max };
    await system.database.update(sources).set({ limits }).where(eq(sources.id, tenant.sourceId));
    return tenant;
  };

  test("hold in a parallel burst, with rotated keys and spoofed addresses: exactly as many as there may be", async () => {
    const tenant = await limitedTenant(10, null);
    const second = newWriteKey();
    await system.database.insert(writeKeys).values({
      ...{ workspaceId: tenant.workspaceId, sourceId: tenant.sourceId },
      ...{ keyHash: hashOfKey(second.reveal()), hint: second.hint },
    });
    const started = performance.now();
    const answers = await Promise.all(
      idsOf(40, "e8").map((id, n) =>
        system.post(
          { ...tenant, writeKey: n % 2 === 0 ? tenant.writeKey : second.reveal() },
          "/v1/track",
          anEvent(id),
          {
            headers: { "x-forwarded-for": `10.0.0.${n}`, "x-real-ip": `10.0.1.${n}` },
          },
        ),
      ),
    );
    const taken = answers.filter(({ status }) => status === 200).length;
    expect(answers.every(({ status }) => status === 200 || status === 429)).toBe(true);
    // On a machine so slow that the burst outlasts the window there is room again.
    if (performance.now() - started < 4_900) expect(taken).toBe(10);
    const [refused] = answers.filter(({ status }) => status === 429);
    expect(refused?.body.code).toBe("rate_limited");
    expect(Number(refused?.headers.get("retry-after"))).toBeGreaterThanOrEqual(5);
    // Another workspace is none of its business.
    expect((await system.post(shop, "/v1/track", anEvent("e8-other"))).status).toBe(200);
  });

  test("of a day count events, not requests, and a batch that would pass it is refused whole", async () => {
    const tenant = await limitedTenant(null, 50);
    const batch = (count: number, name: string) => ({ batch: idsOf(count, name).map((id) => anEvent(id)) });
    expect((await system.post(tenant, "/v1/batch", batch(40, "day"))).status).toBe(200);
    expect((await system.post(tenant, "/v1/batch", batch(11, "over"))).status).toBe(429);
    expect((await system.post(tenant, "/v1/batch", batch(10, "fits"))).status).toBe(200);
    expect((await system.post(tenant, "/v1/track", anEvent("one more"))).status).toBe(429);
    // What is known already costs nothing.
    expect((await system.post(tenant, "/v1/batch", batch(40, "day"))).body).toMatchObject({ duplicates: 40 });
  });
});

describe("E15 what a client writes", () => {
  test("with line ends and terminal codes is stored as it came, and logged as one line of JSON", async () => {
    const event = 'a\r\n{"level":"fatal"}\u001b[31m\u2028';
    const before = logged.lines().length;
    expect((await system.post(shop, "/v1/track", { ...anEvent("e15"), event })).status).toBe(200);
    expect((await system.post(shop, "/v1/track", { ...anEvent("e15\r\n-bad"), event, anonymousId: "" })).status).toBe(
      400,
    );
    const lines = logged.lines().slice(before);
    expect(lines.filter((line) => line.includes('"message":"request"'))).toHaveLength(2);
    for (const line of lines) {
      for (const control of ["\r", "\n", "\u001b"]) expect(line.trimEnd()).not.toContain(control);
      expect(JSON.parse(line)).toBeTypeOf("object");
    }
    expect((await row("e15")).event).toBe(event);
  });
});

describe("E16 an address", () => {
  test("is stored as its network, and stands whole in no row, no dead letter, no live view and no log line", async () => {
    const [v4, v6] = ["203.0.113.77", "2001:db8:1234:5678::77"];
    const with4 = anEvent("e16-v4", 0, { context: { ip: v4 } });
    const bad = { ...anEvent("e16-bad", 0, { context: { ip: v6 } }), event: "" };
    const before = logged.lines().length;
    await system.post(shop, "/v1/batch", { batch: [with4, anEvent("e16-v6", 0, { context: { ip: v6 } }), bad] });
    expect((await row("e16-v4")).ip).toBe("203.0.113.0");
    expect((await row("e16-v6")).ip).toBe("2001:db8:1234::");
    const letters = await system.ask(shop, "/dlq?message_id=e16-bad");
    const letter = await system.ask(shop, `/dlq/${letters.body.letters[0].id}`);
    const live = await system.cache.client.xrange(`live:${shop.sourceId}`, "-", "+");
    const told = [JSON.stringify(letter.body), JSON.stringify(live), ...logged.lines().slice(before)].join("\n");
    for (const address of [v4, v6]) expect(told).not.toContain(address);
    expect(letter.body.payload).toContain("2001:db8:1234::");
  });
});
