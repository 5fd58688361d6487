import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "@upstash/redis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ADMIT, SETTLE } from "../../../functions/stores/redis/scripts.ts";
import { type Child, startChild } from "../child.ts";
import { cacheContract } from "./cache/cache-contract.ts";
import type { CacheOptions } from "./cache.ts";
import { type EngineReady, engineFile } from "./list.ts";

let dataDir: string;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "millrace-cache-"));
});
afterAll(() => rm(dataDir, { recursive: true, force: true }));

const start = (options: Partial<CacheOptions> = {}): Promise<Child<EngineReady>> =>
  startChild<CacheOptions, EngineReady>(engineFile("cache"), { dataDir, port: 0, ...options });
const clientOf = ({ ready }: Child<EngineReady>, token = "local") =>
  new Redis({ url: ready.url, token, automaticDeserialization: false, enableAutoPipelining: false });

describe("the twin in memory", () => {
  cacheContract(async () => {
    const child = await start();
    return { url: child.ready.url, token: "local", stop: child.stop };
  });
});

describe("the local door", () => {
  let child: Child<EngineReady>;
  beforeAll(async () => {
    child = await start({ token: "secret", keysMax: 5 });
  });
  afterAll(() => child.stop());

  test.each([
    [{ origin: "http://localhost:3000" }, 403],
    [{ host: "rebound.example:80" }, 403],
    [{ authorization: "Bearer wrong" }, 401],
    [{ authorization: "" }, 401],
    [{}, 200],
  ])("a request with %j answers %i", async (headers, status) => {
    expect(await statusOf(child.ready.port, "/ping", { authorization: "Bearer secret", ...headers })).toBe(status);
  });

  test("a token in the address is not taken: any page can make a browser load an address", async () => {
    expect(await statusOf(child.ready.port, "/ping?_token=secret", {})).toBe(401);
  });

  test("a method other than GET, POST and PUT is refused", async () => {
    const headers = { authorization: "Bearer secret" };
    expect((await fetch(`${child.ready.url}/ping`, { method: "DELETE", headers })).status).toBe(405);
  });

  test("a body over Upstash's limit is 413, and the next request is answered", async () => {
    const headers = { authorization: "Bearer secret" };
    const body = JSON.stringify(["ECHO", "x".repeat(11 * 1_024 * 1_024)]);
    const response = await fetch(child.ready.url, { method: "POST", headers, body });
    expect([response.status, await response.json()]).toEqual([
      413,
      { error: expect.stringContaining("max request size") },
    ]);
    expect(await statusOf(child.ready.port, "/ping", headers)).toBe(200);
  });

  test("a full cache refuses new keys and evicts none, so that no claim is lost in silence", async () => {
    const redis = clientOf(child, "secret");
    await redis.mset({ a: 1, b: 2, c: 3, d: 4 });
    await redis.scriptLoad(ADMIT.text);
    const admit = (ids: string[]) =>
      redis.evalsha(ADMIT.sha1, ["wk", "epoch"], ["r", "b", "60", "1", "", "w", "", "", "", ...ids]);
    await expect(admit(["x", "y"])).rejects.toThrow("OOM command not allowed");
    expect(await redis.dbsize()).toBe(4);
    await expect(redis.mset({ a: 9, e: 5, f: 6 })).rejects.toThrow("OOM");
    expect(await redis.get("a")).toBe("1");
    expect(await redis.set("a", "2")).toBe("OK");
    expect(await redis.set("e", "5")).toBe("OK");
    await expect(redis.hset("f", { a: 1 })).rejects.toThrow("OOM");
    expect(await redis.del("b")).toBe(1);
    expect(await redis.incr("f")).toBe(1);
    expect(await redis.flushdb()).toBe("OK");
    expect(await redis.dbsize()).toBe(0);
  });

  test("keys that nobody reads again are freed when their time is over", async () => {
    const redis = clientOf(child, "secret");
    await redis.set("short", "1", { px: 1 });
    const deadline = Date.now() + 20_000;
    while ((await redis.dbsize()) > 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await redis.dbsize()).toBe(0);
  });

  test("a script that has no twin is refused with what to do", async () => {
    const redis = clientOf(child, "secret");
    await expect(redis.eval("return 1", [], [])).rejects.toThrow("set REDIS_URL");
    await expect(redis.scriptLoad(`${SETTLE.text} `)).rejects.toThrow("set REDIS_URL");
  });

  test("a script forgotten by SCRIPT FLUSH is NOSCRIPT again", async () => {
    const redis = clientOf(child, "secret");
    await redis.scriptLoad(SETTLE.text);
    await redis.scriptFlush();
    await expect(redis.evalsha(SETTLE.sha1, ["l", "c"], ["p", "r", "1", "0", "0", ""])).rejects.toThrow("NOSCRIPT");
  });
});

test("a Redis that cannot be reached stops the start with its address", async () => {
  await expect(start({ redisUrl: "redis://user:secret@127.0.0.1:1" })).rejects.toThrow(
    /REDIS_URL: no Redis answers at 127\.0\.0\.1:1(?!.*secret)/s,
  );
});

/** fetch sets Origin and Host itself; this sends them as given. */
function statusOf(port: number, path: string, headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, path, headers }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.once("error", reject);
    sent.end();
  });
}
