import { describe, expect, test } from "vitest";
import { startChild } from "../child.ts";
import { cacheContract } from "./cache/cache-contract.ts";
import type { CacheOptions } from "./cache.ts";
import { type EngineReady, engineFile } from "./list.ts";

const redisUrl = process.env.REDIS_URL;
const start = (options: { redisUrl: string }) =>
  startChild<CacheOptions, EngineReady>(engineFile("cache"), { dataDir: "", port: 0, ...options });

test("REDIS_URL names the Redis of this suite", () => {
  expect(redisUrl).toMatch(/^rediss?:/);
});

describe.skipIf(redisUrl === undefined)("a real Redis behind the bridge", () => {
  cacheContract(async () => {
    const child = await start({ redisUrl: redisUrl ?? "" });
    return { url: child.ready.url, token: "local", stop: child.stop };
  });
});
