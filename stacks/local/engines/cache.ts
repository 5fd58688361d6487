import { runChild } from "../child.ts";
import { createBridge } from "./cache/bridge.ts";
import { createMemory } from "./cache/memory.ts";
import { serveRest } from "./cache/rest.ts";
import type { EngineOptions, EngineReady } from "./list.ts";

/** `redisUrl` puts a real Redis behind the door; without it keys live in this process only, `keysMax` of them. */
export type CacheOptions = EngineOptions & { redisUrl?: string; token?: string; keysMax?: number };

/** A claim takes 230 bytes of heap (measured), so a full cache is near 600 MB; claims beyond that are suspects. */
const KEYS_MAX = 2_000_000;

/** The cache of the local system: Upstash's REST protocol, bound to 127.0.0.1. The token is `local` unless given. */
runChild(async ({ port, redisUrl, token = "local", keysMax = KEYS_MAX }: CacheOptions) => {
  const backend = redisUrl === undefined ? createMemory({ now: Date.now, keysMax }) : await createBridge(redisUrl);
  const door = await serveRest(backend, { port, token });
  const ready: EngineReady = { port: door.port, url: `http://127.0.0.1:${door.port}` };
  const stop = async () => {
    await door.stop();
    await backend.stop();
  };
  return { ready, stop };
});
