import { randomUUID } from "node:crypto";
import { Redis } from "@upstash/redis";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { scriptsContract } from "./scripts-contract.ts";
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

  describe("channels", () => {
    /** What a subscription says, line by line, as it comes. */
    const listen = async (...channels: string[]) => {
      const headers = { authorization: `Bearer ${cache.token}`, accept: "text/event-stream" };
      const path = channels.map(encodeURIComponent).join("/");
      const ended = new AbortController();
      const response = await fetch(`${cache.url}/subscribe/${path}`, { method: "POST", headers, signal: ended.signal });
      expect(response.headers.get("content-type")).toBe("text/event-stream");
      let heard = "";
      const reading = (async () => {
        for await (const chunk of response.body ?? []) heard += Buffer.from(chunk).toString();
      })();
      return {
        lines: () => heard.split("\n\n").slice(0, -1),
        end: () => {
          ended.abort();
          return reading.catch(() => {});
        },
      };
    };

    test("who subscribed hears each message once and in order, until it leaves", async () => {
      const [one, both] = [await listen(`${prefix}:a`), await listen(`${prefix}:a`, `${prefix}:b`)];
      const told = [`data: subscribe,${prefix}:a,1`, `data: subscribe,${prefix}:b,2`];
      await vi.waitFor(() => expect([one.lines(), both.lines()]).toEqual([told.slice(0, 1), told]), 10_000);
      expect(await redis.publish(`${prefix}:a`, "x,1")).toBe(2);
      expect(await redis.publish(`${prefix}:b`, "ü")).toBe(1);
      expect(await redis.publish(`${prefix}:a`, "2")).toBe(2);
      const [a, b] = [`data: message,${prefix}:a`, `data: message,${prefix}:b`];
      await vi.waitFor(() => expect(both.lines().slice(2)).toEqual([`${a},x,1`, `${b},ü`, `${a},2`]), 10_000);
      await vi.waitFor(() => expect(one.lines().slice(1)).toEqual([`${a},x,1`, `${a},2`]), 10_000);
      await Promise.all([one.end(), both.end()]);
      await vi.waitFor(async () => expect(await redis.publish(`${prefix}:a`, "3")).toBe(0), 10_000);
    });

    test("of the published, also from a pipeline, the answer says how many heard it", async () => {
      expect((await post("/pipeline", [["PUBLISH", `${prefix}:a`, "1"]])).body).toEqual([{ result: 0 }]);
      const ear = await listen(`${prefix}:a`);
      expect((await post("/pipeline", [["PUBLISH", `${prefix}:a`, "1"]])).body).toEqual([{ result: 1 }]);
      await ear.end();
    });
  });

  scriptsContract(() => ({ redis, prefix }));
}

const isError = (reply: unknown): reply is { error: string } =>
  typeof reply === "object" && reply !== null && "error" in reply;
