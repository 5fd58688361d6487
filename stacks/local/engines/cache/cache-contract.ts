import { randomUUID } from "node:crypto";
import { Redis } from "@upstash/redis";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { ADMIT, type Script, SETTLE } from "../../../../functions/stores/redis/scripts.ts";
import { STORIES } from "./stories.ts";

export type StartedCache = { url: string; token: string; stop: () => Promise<void> };

/** What the local cache must do whatever is behind it: run against the twin in memory and against a real Redis. */
export function cacheContract(start: () => Promise<StartedCache>): void {
  let cache: StartedCache;
  let redis: Redis;
  /** Keys of one test begin with this: the real Redis may hold other things. */
  let prefix: string;

  beforeAll(async () => {
    cache = await start();
    redis = new Redis({ ...cache, automaticDeserialization: false, enableAutoPipelining: false });
  });
  afterAll(() => cache.stop());
  beforeEach(() => {
    prefix = `contract:${randomUUID()}`;
  });

  const post = async (path: string, body: unknown, headers: Record<string, string> = {}) => {
    const authorization = `Bearer ${cache.token}`;
    const request = { method: "POST", body: JSON.stringify(body), headers: { authorization, ...headers } };
    const response = await fetch(`${cache.url}${path}`, request);
    return { status: response.status, body: (await response.json()) as unknown };
  };

  describe("commands", () => {
    test.each(STORIES)("$name", async ({ steps }) => {
      const named = (word: string | number) => (typeof word === "string" ? word.replace(/^%/, `${prefix}:`) : word);
      const { body } = await post(
        "/pipeline",
        steps.map(([words]) => words.map(named)),
      );
      const expected = steps.map(([, reply]) => (isError(reply) ? reply : { result: reply }));
      expect(JSON.parse(JSON.stringify(body).replaceAll(`${prefix}:`, "%"))).toEqual(expected);
    });

    test("a key is gone when its time is over", async () => {
      await redis.set(`${prefix}:a`, "1", { px: 40 });
      await redis.hset(`${prefix}:h`, { a: 1 });
      await redis.pexpire(`${prefix}:h`, 40);
      await vi.waitFor(async () => expect(await redis.exists(`${prefix}:a`, `${prefix}:h`)).toBe(0), {
        timeout: 10_000,
      });
      expect(await redis.get(`${prefix}:a`)).toBeNull();
    });

    test("a scan meets every key once, however small its steps", async () => {
      const keys = Array.from({ length: 57 }, (_, index) => `${prefix}:${index}`);
      await redis.mset(Object.fromEntries(keys.map((key) => [key, 1])));
      const met = new Set<string>();
      let cursor = "0";
      do {
        const [next, found] = await redis.scan(cursor, { match: `${prefix}:*`, count: 10 });
        for (const key of found) met.add(key);
        cursor = String(next);
      } while (cursor !== "0");
      expect([...met].sort()).toEqual(keys.toSorted());
      expect((await redis.keys(`${prefix}:5?`)).sort()).toEqual(keys.slice(50).toSorted());
    });

    test("a stream keeps about its newest entries, and hands on what is newer than an id", async () => {
      const trim = { type: "MAXLEN", comparison: "~", threshold: 100 } as const;
      const pipeline = redis.pipeline();
      for (let n = 0; n < 350; n++) pipeline.xadd(`${prefix}:s`, "*", { n }, { trim });
      const ids = await pipeline.exec<string[]>();
      const length = await redis.xlen(`${prefix}:s`);
      expect(length).toBeGreaterThanOrEqual(100);
      expect(length).toBeLessThan(350);
      const { body } = await post("/", ["XREAD", "COUNT", 5, "STREAMS", `${prefix}:s`, ids.at(-3)]);
      const newest = ids.slice(-2).map((id, index) => [id, ["n", String(348 + index)]]);
      expect(body).toEqual({ result: [[`${prefix}:s`, newest]] });
    });

    test("the clock is told in seconds and microseconds", async () => {
      const [seconds] = await redis.time();
      expect(Math.abs(Number(seconds) - Date.now() / 1_000)).toBeLessThan(3_600);
    });
  });

  describe("the REST protocol", () => {
    test("one command answers its result, or 400 with Redis' own words", async () => {
      expect(await post("/", ["SET", `${prefix}:a`, "1", "EX", 60])).toEqual({ status: 200, body: { result: "OK" } });
      expect(await post("/", ["GET"])).toEqual({
        status: 400,
        body: { error: "ERR wrong number of arguments for 'get' command" },
      });
    });

    test("a failing command of a pipeline leaves the others alone", async () => {
      const commands = [
        ["SET", `${prefix}:a`, "x"],
        ["INCR", `${prefix}:a`],
        ["NOPE", "1"],
        ["GET", `${prefix}:a`],
      ];
      expect(await post("/pipeline", commands)).toEqual({
        status: 200,
        body: [
          { result: "OK" },
          { error: "ERR value is not an integer or out of range" },
          { error: "ERR unknown command 'NOPE', with args beginning with: '1' " },
          { result: "x" },
        ],
      });
    });

    test("a transaction runs whole, and not at all when a command of it is malformed", async () => {
      const key = `${prefix}:t`;
      expect(
        await post("/multi-exec", [
          ["INCR", key],
          ["LPUSH", key, "x"],
          ["INCR", key],
        ]),
      ).toEqual({
        status: 200,
        body: [
          { result: 1 },
          { error: "WRONGTYPE Operation against a key holding the wrong kind of value" },
          { result: 2 },
        ],
      });
      expect(await post("/multi-exec", [["INCR", key], ["INCR"]])).toEqual({
        status: 400,
        body: { error: "EXECABORT Transaction discarded because of previous errors." },
      });
      expect(await redis.get(key)).toBe("2");
    });

    test("every string of an answer is base64 on request, but OK", async () => {
      const commands = [
        ["SET", `${prefix}:a`, "é"],
        ["MGET", `${prefix}:a`, `${prefix}:none`],
        ["EXISTS", `${prefix}:a`],
      ];
      const { body } = await post("/pipeline", commands, { "Upstash-Encoding": "base64" });
      expect(body).toEqual([{ result: "OK" }, { result: [Buffer.from("é").toString("base64"), null] }, { result: 1 }]);
    });

    test("the command may be the path, with the value as the body and options in the query", async () => {
      const headers = { authorization: `Bearer ${cache.token}` };
      const key = encodeURIComponent(`${prefix}:ä/b`);
      const set = await fetch(`${cache.url}/set/${key}?EX=100`, { method: "POST", body: '{"a":1}', headers });
      expect(await set.json()).toEqual({ result: "OK" });
      expect(await (await fetch(`${cache.url}/get/${key}`, { headers })).json()).toEqual({ result: '{"a":1}' });
      expect(await redis.ttl(`${prefix}:ä/b`)).toBeGreaterThan(0);
    });

    test.each([
      ["/", "{"],
      ["/", '{"a":1}'],
      ["/", "[]"],
      ["/", '["GET",null]'],
      ["/pipeline", "[]"],
      ["/pipeline", '["GET","a"]'],
      ["/%E0%A4%A", ""],
    ])("a malformed request to %s is 400 and nothing runs: %s", async (path, body) => {
      const headers = { authorization: `Bearer ${cache.token}` };
      const response = await fetch(`${cache.url}${path}`, { method: "POST", body, headers });
      expect(response.status).toBe(400);
      expect(await response.json()).toEqual({ error: expect.stringMatching(/^ERR /) });
    });

    test("numbers and any text come back as they were sent", async () => {
      const values = ["12345678901234567890", "1e3", "", " ", "\u0000", "日本 🎉", '{"a":[1]}'];
      for (const [index, value] of values.entries()) await redis.set(`${prefix}:${index}`, value);
      expect(await redis.mget(values.map((_, index) => `${prefix}:${index}`))).toEqual(values);
    });
  });

  describe("scripts", () => {
    const source = { id: "s1", workspaceId: "w1", name: "Shop", enabled: true };
    /** Runs a script as the client does it: by its hash, loaded when unknown. */
    const call = async (script: Script, keys: string[], args: string[]) => {
      await redis.scriptLoad(script.text);
      return redis.evalsha(script.sha1, keys, args);
    };
    type AdmitCall = { workspace?: string; cache?: string; request?: string; now?: string; ids?: string[] };
    const admit = ({ workspace = "", cache = "", request = "r1", now = "1000", ids = [] }: AdmitCall) =>
      call(ADMIT, [`${prefix}:wk`, `${prefix}:epoch`], [workspace, cache, "60", request, prefix, "600", now, ...ids]);
    const settle = (request: string, confirm: string[], release: string[]) =>
      call(SETTLE, [], [`${prefix}:w1:`, request, "600", String(confirm.length), ...confirm, ...release]);

    test("an unknown hash is NOSCRIPT until the text was loaded", async () => {
      await expect(redis.evalsha("0".repeat(40), [], [])).rejects.toThrow("NOSCRIPT No matching script");
      expect(await redis.scriptLoad(SETTLE.text)).toBe(SETTLE.sha1);
      expect(await redis.scriptExists(SETTLE.sha1, "0".repeat(40))).toEqual([1, 0]);
      expect(await redis.eval(SETTLE.text, [], ["a", "b", "1", "0"])).toBe(0);
    });

    test("without the cached key nothing is claimed, and the epoch is still set", async () => {
      expect(await admit({ ids: ["a"], now: "1234" })).toEqual([null, "1234", ""]);
      expect(await redis.keys(`${prefix}*`)).toEqual([`${prefix}:epoch`]);
    });

    test("the cached key names the workspace whose ids are claimed, in the same trip", async () => {
      await redis.set(`${prefix}:wk`, JSON.stringify(source));
      expect(await admit({ ids: ["a", "b"] })).toEqual([JSON.stringify(source), "1000", "ff"]);
      expect(await redis.get(`${prefix}:w1:a`)).toBe("p:r1");
      expect(await redis.ttl(`${prefix}:w1:b`)).toBeGreaterThan(500);
    });

    test("a source given with the call is cached with its life, and decides nothing about an older one", async () => {
      expect(await admit({ workspace: "w1", cache: JSON.stringify(source), ids: ["a"] })).toEqual([null, "1000", "f"]);
      expect(await redis.get(`${prefix}:wk`)).toBe(JSON.stringify(source));
      expect(await redis.ttl(`${prefix}:wk`)).toBeLessThanOrEqual(60);
      expect(await redis.ttl(`${prefix}:wk`)).toBeGreaterThan(0);
    });

    test("a pending id lets another request through as suspect, and its own request's second try too", async () => {
      expect(await admit({ workspace: "w1", ids: ["a"] })).toEqual([null, "1000", "f"]);
      expect(await admit({ workspace: "w1", ids: ["a", "b"], request: "r2" })).toEqual([null, "1000", "sf"]);
      expect(await admit({ workspace: "w1", ids: ["a"] })).toEqual([null, "1000", "s"]);
      expect(await redis.get(`${prefix}:w1:a`)).toBe("p:r1");
    });

    test("a confirmed id is a duplicate, also for the request that confirmed it, and in its workspace only", async () => {
      await admit({ workspace: "w1", ids: ["a"] });
      expect(await settle("r1", ["a"], [])).toBe(0);
      expect(await admit({ workspace: "w1", ids: ["a", "b"], request: "r2" })).toEqual([null, "1000", "df"]);
      expect(await admit({ workspace: "w1", ids: ["a"] })).toEqual([null, "1000", "d"]);
      expect(await admit({ workspace: "w2", ids: ["a"] })).toEqual([null, "1000", "f"]);
      expect(await redis.ttl(`${prefix}:w1:a`)).toBeGreaterThan(500);
    });

    test("a release frees only what this request claimed", async () => {
      await admit({ workspace: "w1", ids: ["mine", "both", "done"] });
      await admit({ workspace: "w1", ids: ["theirs"], request: "r2" });
      await settle("r2", ["done"], []);
      expect(await settle("r1", [], ["mine", "theirs", "done", "never"])).toBe(1);
      const ids = ["mine", "theirs", "done", "both"];
      expect(await admit({ workspace: "w1", ids, request: "r3" })).toEqual([null, "1000", "fsds"]);
    });

    test("one call confirms and releases", async () => {
      await admit({ workspace: "w1", ids: ["a", "b"] });
      expect(await settle("r1", ["a"], ["b"])).toBe(1);
      expect(await admit({ workspace: "w1", ids: ["a", "b"], request: "r2" })).toEqual([null, "1000", "df"]);
    });

    test("a claim ends by the clock", async () => {
      await redis.set(`${prefix}:w1:a`, "p:r0", { px: 30 });
      const claimed = () => admit({ workspace: "w1", ids: ["a"], request: randomUUID() });
      await vi.waitFor(async () => expect(await claimed()).toEqual([null, "1000", "f"]), { timeout: 10_000 });
    });

    test("the epoch is the first call's time, and stays", async () => {
      expect(await admit({ now: "1000" })).toEqual([null, "1000", ""]);
      expect(await admit({ now: "2000" })).toEqual([null, "1000", ""]);
      expect(await redis.ttl(`${prefix}:epoch`)).toBe(-1);
    });

    test("a thousand ids of any text go in one call", async () => {
      const ids = Array.from({ length: 1_000 }, (_, index) => `${index}:ü "{}%s\u0001`);
      expect(await admit({ workspace: "w1", ids })).toEqual([null, "1000", "f".repeat(1_000)]);
      expect(await settle("r1", ids.slice(0, 600), ids.slice(600))).toBe(400);
      const again = await admit({ workspace: "w1", ids, request: "r2" });
      expect(again).toEqual([null, "1000", "d".repeat(600) + "f".repeat(400)]);
    });
  });
}

const isError = (reply: unknown): reply is { error: string } =>
  typeof reply === "object" && reply !== null && "error" in reply;
