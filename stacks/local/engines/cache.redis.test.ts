import { connect, createServer, type Socket } from "node:net";
import { describe, expect, test, vi } from "vitest";
import { startChild } from "../child.ts";
import { cacheContract } from "./cache/cache-contract.ts";
import type { CacheOptions } from "./cache.ts";
import { type EngineReady, engineFile } from "./list.ts";

const redisUrl = process.env.REDIS_URL;
const start = (options: { redisUrl: string }) =>
  startChild<CacheOptions, EngineReady>(engineFile("cache"), { dataDir: "", port: 0, ...options });

test("REDIS_URL names the Redis of this suite", () => {
  expect(redisUrl).toMatch(/^redis:/);
});

describe.skipIf(redisUrl === undefined)("a real Redis behind the bridge", () => {
  cacheContract(async () => {
    const child = await start({ redisUrl: redisUrl ?? "" });
    return { url: child.ready.url, token: "local", stop: child.stop };
  });

  test("while Redis is away every request is 503, and answered again when it is back", async () => {
    const line = await cuttable(new URL(redisUrl ?? ""));
    const child = await start({ redisUrl: line.url });
    const ping = () => fetch(`${child.ready.url}/ping`, { headers: { authorization: "Bearer local" } });
    try {
      expect((await ping()).status).toBe(200);
      await line.cut();
      await vi.waitFor(async () => expect((await ping()).status).toBe(503), { timeout: 10_000 });
      expect(await (await ping()).json()).toEqual({ error: expect.stringMatching(/^ERR Redis is away/) });
      await line.mend();
      await vi.waitFor(async () => expect((await ping()).status).toBe(200), { timeout: 10_000 });
    } finally {
      await child.stop();
      await line.cut();
    }
  });
});

/** A line to the real Redis that a test may cut and mend, on the same port. */
async function cuttable(to: URL) {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(to.port || 6379), to.hostname);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.pipe(other);
      one.on("error", () => other.destroy());
      one.on("close", () => sockets.delete(one));
    }
  });
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  await listen(0);
  const url = new URL(to);
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  [url.hostname, url.port] = ["127.0.0.1", String(port)];
  return {
    url: url.href,
    mend: () => listen(port),
    cut: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
