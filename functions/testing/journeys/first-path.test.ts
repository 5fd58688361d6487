import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LOCAL } from "../../../stacks/local/local-mode.ts";
import { forgetDataDir, newDataDir } from "../data-dir.ts";
import { ask, basic, post, sql } from "../local-client.ts";
import { eventually, type LocalSystem, startLocalSystem, stopLocalSystem } from "../local-system.ts";
import { alive, familyOf } from "../processes.ts";

const dataDir = await newDataDir();
let system: LocalSystem;
beforeAll(async () => {
  system = await startLocalSystem(dataDir);
});
afterAll(async () => {
  await stopLocalSystem(system);
  await forgetDataDir(dataDir);
});

test("a single event is answered with exactly 200 and JSON, and the query door returns it once", async () => {
  const answer = await post(system.running(), "/v1/track", { event: "Hi", anonymousId: "a1", messageId: "first-1" });
  expect(answer).toEqual({ status: 200, body: { success: true, message_id: "first-1" } });
  const { rows } = await eventually(async () => {
    const { body } = await ask(system.running(), "/query/events", { table: "events_track", limit: 10 });
    expect(body.rows).toHaveLength(1);
    return body;
  });
  expect(rows[0]).toMatchObject({ message_id: "first-1", event: "Hi", anonymous_id: "a1", type: "track" });
});

test("the commands that the start prints work as they stand there", async () => {
  const { ingestUrl, apiUrl } = system.running();
  expect(system.output()).toContain(
    `send one:  curl -u wk_local: -d '{"userId":"u1","event":"Signed Up"}' ${ingestUrl}/v1/track`,
  );
  // curl -d sends this content type, whatever the body is.
  const headers = { authorization: basic("wk_local"), "content-type": "application/x-www-form-urlencoded" };
  expect((await post(system.running(), "/v1/track", '{"userId":"u1","event":"Signed Up"}', headers)).status).toBe(200);
  expect(system.output()).toContain(`${apiUrl}/query/events`);
  await eventually(async () => {
    const { body } = await ask(system.running(), "/query/events", { table: "events_track" });
    expect(body.rows.map(({ event }) => event)).toContain("Signed Up");
  });
});

test("a message that is sent again is a duplicate and is stored once", async () => {
  const event = { event: "Again", userId: "u2", messageId: "again-1", timestamp: new Date().toISOString() };
  expect((await post(system.running(), "/track", event)).body).toEqual({ success: true, message_id: "again-1" });
  expect((await post(system.running(), "/track", event)).body).toEqual({
    success: true,
    message_id: "again-1",
    duplicate: true,
  });
  await eventually(async () => {
    expect(await sql(system.running(), "SELECT count() FROM events WHERE message_id = 'again-1'")).toEqual([[1]]);
  });
});

test("properties of every type come back as they were sent, flat and in snake_case", async () => {
  const properties = { Price: 12.5, isNew: true, nested: { "Deep Key": "x" }, list: [1, 2], none: null, text: 'q"\\✓' };
  await post(system.running(), "/v1/track", {
    event: "Typed",
    userId: "u3",
    properties,
    context: { page: { url: "https://a.b/c" }, own: 1 },
  });
  const row = await eventually(async () => {
    const filters = [{ field: "event", op: "eq", value: "Typed" }];
    const { body } = await ask(system.running(), "/query/events", { table: "events_track", filters });
    expect(body.rows).toHaveLength(1);
    return body.rows[0];
  });
  expect(row).toMatchObject({
    properties: { price: 12.5, is_new: true, nested_deep_key: "x", list: [1, 2], text: 'q"\\✓' },
    context: { page_url: "https://a.b/c", own: 1 },
  });
});

describe("bad input gets a clear error in the envelope, stores nothing, and the process stays up", () => {
  const ok = { authorization: basic(LOCAL.writeKey) };
  test.each([
    ["invalid JSON", "/v1/track", "{", ok, 400, "invalid_json", undefined],
    ["a raw NUL byte", "/v1/track", '{"event":"a\0b","userId":"bad"}', ok, 400, "invalid_json", undefined],
    [
      "bytes that are no UTF-8",
      "/v1/track",
      new Uint8Array([123, 34, 0xff, 34, 58, 49, 125]),
      ok,
      400,
      "invalid_json",
      undefined,
    ],
    ["a list where an object belongs", "/v1/track", "[1]", ok, 400, "validation_failed", undefined],
    [
      "a list as properties",
      "/v1/track",
      { event: "E", userId: "bad", properties: [] },
      ok,
      400,
      "validation_failed",
      "properties",
    ],
    ["a number as event", "/v1/track", { event: 5, userId: "bad" }, ok, 400, "validation_failed", "event"],
    ["no id", "/v1/track", { event: "E" }, ok, 400, "validation_failed", "userId"],
    ["batch that is no list", "/v1/batch", { batch: {} }, ok, 400, "validation_failed", "batch"],
    [
      "an unknown key",
      "/v1/track",
      { event: "E", userId: "bad" },
      { authorization: basic("wk_none") },
      401,
      "invalid_write_key",
      undefined,
    ],
    ["no key", "/v1/track", { event: "E", userId: "bad" }, {}, 401, "invalid_write_key", undefined],
    [
      "an event over the limit",
      "/v1/track",
      { event: "E", userId: "bad", properties: { x: "y".repeat(110_000) } },
      ok,
      413,
      "payload_too_large",
      undefined,
    ],
    ["a path that does not exist", "/v1/nothing", {}, ok, 404, "not_found", undefined],
  ] as const)("%s", async (_, path, body, headers, status, code, field) => {
    const answer = await post(system.running(), path, body, headers);
    expect(answer.status).toBe(status);
    expect(answer.body).toMatchObject({ code, request_id: expect.any(String), ...(field && { field }) });
    expect(answer.body.error).toBe(answer.body.message);
    expect((await fetch(`${system.running().ingestUrl}/health`)).status).toBe(200);
  });

  test("nothing of them is in the table", async () => {
    await post(system.running(), "/v1/track", { event: "After", userId: "u4", messageId: "after-bad" });
    await eventually(async () => {
      expect(await sql(system.running(), "SELECT count() FROM events WHERE message_id = 'after-bad'")).toEqual([[1]]);
    });
    expect(await sql(system.running(), "SELECT count() FROM events WHERE user_id = 'bad'")).toEqual([[0]]);
  });
});

test("the query door refuses a body that is no question by its size", async () => {
  const { status, body } = await ask(system.running(), "/query/events", { table: "events", x: "y".repeat(600_000) });
  expect(status).toBe(413);
  expect(body).toMatchObject({ code: "payload_too_large", error: body.message, request_id: expect.any(String) });
});

test("both doors say that they live and what they reach", async () => {
  const { ingestUrl, apiUrl } = system.running();
  for (const url of [ingestUrl, apiUrl]) {
    expect(await (await fetch(`${url}/health`)).json()).toEqual({ status: "ok", success: true });
    expect(await (await fetch(`${url}/ready`)).json()).toMatchObject({ status: "ok", success: true });
  }
});

test("no web page can speak to an engine or to the query door under a rebound name", async () => {
  const { clickhouseUrl, streamUrl, queuesUrl, cacheUrl, apiUrl } = system.running();
  for (const url of [clickhouseUrl, streamUrl, queuesUrl, cacheUrl])
    expect((await fetch(url, { headers: { origin: "https://evil.example" } })).status, url).toBe(403);
  const { request } = await import("node:http");
  const status = await new Promise((resolve) =>
    request(`${apiUrl}/health`, { headers: { host: "evil.example" } }, (response) =>
      resolve(response.statusCode),
    ).end(),
  );
  expect(status).toBe(403);
});

test("a second instance on the same data says so and exits, and the first goes on", async () => {
  await expect(startLocalSystem(dataDir)).rejects.toThrow(/another instance \(process \d+\) already runs on/);
  expect((await fetch(`${system.running().ingestUrl}/ready`)).status).toBe(200);
});

test("a port that is taken is named with its process and the variable that moves it", async () => {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
  const { port } = holder.address() as { port: number };
  const other = await newDataDir();
  const start = startLocalSystem(other, { PORT_INGEST: String(port) });
  await expect(start).rejects.toThrow(
    new RegExp(`port ${port} \\(ingest\\) is taken by process ${process.pid} \\(node.*PORT_INGEST=`),
  );
  holder.close();
  await forgetDataDir(other);
});

test("an engine that cannot start is named, nothing is left running, and the exit code says so", async () => {
  const other = await newDataDir();
  const { writeFile } = await import("node:fs/promises");
  await writeFile(`${other}/stream`, "a file where the stream's folder belongs");
  await expect(startLocalSystem(other)).rejects.toThrow(/did not start[\s\S]*stream/);
  await forgetDataDir(other);
});

test("a restart keeps what was stored, and stopping leaves no process behind", async () => {
  const before = await sql(system.running(), "SELECT count() FROM events");
  const family = familyOf(system.running().pid);
  expect(await stopLocalSystem(system)).toBe(0);
  await eventually(async () => expect(alive(family)).toEqual([]), 2_000);
  system = await startLocalSystem(dataDir);
  expect(await sql(system.running(), "SELECT count() FROM events")).toEqual(before);
});
