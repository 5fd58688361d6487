import type { IncomingMessage, ServerResponse } from "node:http";
import { startChild } from "../../stacks/local/child.ts";
import { type EngineReady, engineFile } from "../../stacks/local/engines/list.ts";
import { createRedis } from "../stores/redis/client.ts";
import { listen } from "./listen.ts";

/** Generous, so that a busy machine never looks like a slow Redis; tests of the budget set their own. */
const budgetMs = 20_000;
const clientOf = (url: string) => createRedis({ url, token: "local", budgetMs });

/** A cache of this file's own, whose keys it may flush, with a client. */
export async function startCache(options: { keysMax?: number; port?: number } = {}) {
  const child = await startChild<unknown, EngineReady>(engineFile("cache"), { dataDir: "", port: 0, ...options });
  return { url: child.ready.url, client: clientOf(child.ready.url), budgetMs, stop: child.stop };
}

type Meddle = (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>;

/** Stands between a client and the cache, counts, and lets `meddle` keep a request from it (by answering true). */
export async function startWire(cacheUrl: string) {
  const trips: string[][][] = [];
  let meddle: Meddle = () => false;
  const pass = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    trips.push(JSON.parse(body.toString()));
    if (await meddle(request, response)) return;
    const headers = { authorization: request.headers.authorization ?? "" };
    const answer = await fetch(cacheUrl + request.url, { method: "POST", headers, body });
    response.writeHead(answer.status).end(await answer.text());
  };
  // A cache that is gone, as it may be for a request that was held, is a line that breaks.
  const { url, close } = await listen((request, response) => {
    pass(request, response).catch(() => response.destroy());
  });
  return {
    url,
    client: clientOf(url),
    /** What went over the wire: each trip is its list of commands. */
    trips,
    meddle: (next: Meddle) => {
      meddle = next;
    },
    stop: close,
  };
}
