import { type IncomingMessage, request, type ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import { listen } from "../listen.ts";
import { type Refusal, refusingDoor } from "./refusing-door.ts";

/**
 * What happens to one call to the door. A number is a refusal that the door never sees, with the door's own envelope and
 * headers. `lost`: the door takes the call and answers, and the client's connection dies instead of bringing the answer.
 */
export type Fault = Refusal | "lost";

/** One request that came, in the order of coming. `status` is what the client was told, undefined where it was told nothing. */
export type Taken = {
  method: string;
  path: string;
  body: Buffer;
  atMs: number;
  status: number | undefined;
};

export type FaultProxy = {
  /** What a client gets as its host. */
  url: string;
  /** The requests that carried events: all POSTs but questions for flags. */
  calls: () => readonly Taken[];
  /** All others: settings, preflights, flags. */
  others: () => readonly Taken[];
  /** The faults of the next calls, one each, after which calls pass. */
  next: (...faults: readonly Fault[]) => void;
  close: () => Promise<void>;
};

/** Stands between a client and the ingest door, counts what comes, and fails as it is told; everything else passes unchanged. */
export async function startFaultProxy(doorUrl: () => string): Promise<FaultProxy> {
  const taken: Taken[] = [];
  let coming: Fault[] = [];
  const { url, close } = await listen(async (incoming, response) => {
    const { method = "", url: path = "" } = incoming;
    const body = await buffer(incoming);
    const fault = isCall(method, path) ? coming.shift() : undefined;
    const entry: Taken = { method, path, body, atMs: performance.now(), status: undefined };
    taken.push(entry);
    try {
      const answer =
        typeof fault === "number" ? await refuse(fault, incoming, body) : await pass(doorUrl(), incoming, body);
      if (fault === "lost") return void incoming.socket.destroy();
      entry.status = answer.status;
      send(response, answer);
    } catch {
      incoming.socket.destroy(); // the door is away: so is its client's connection
    }
  });
  return {
    url,
    calls: () => taken.filter(({ method, path }) => isCall(method, path)),
    others: () => taken.filter(({ method, path }) => !isCall(method, path)),
    next: (...faults) => {
      coming = [...faults];
    },
    close,
  };
}

/** Whether a request carries events: all POSTs but questions for flags. */
export const isCall = (method: string, path: string) => method === "POST" && !path.startsWith("/flags");

type Answer = { status: number; headers: Record<string, string | string[]>; body: Buffer };

function pass(doorUrl: string, { method, url, headers }: IncomingMessage, body: Buffer): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const outgoing = request(`${doorUrl}${url}`, { method, headers }, async (answer) => {
    try {
      const kept = Object.entries(answer.headers).filter(([name]) => !HOP_BY_HOP.has(name));
      resolve({
        status: answer.statusCode ?? 0,
        headers: Object.fromEntries(kept) as Answer["headers"],
        body: await buffer(answer),
      });
    } catch (error) {
      reject(error);
    }
  });
  outgoing.once("error", reject);
  outgoing.end(body);
  return promise;
}

async function refuse(status: Refusal, { method = "", url, headers }: IncomingMessage, body: Buffer): Promise<Answer> {
  const asked = new Request(`http://${headers.host}${url}`, {
    method,
    headers: Object.entries(headers).map(([name, value]) => [name, String(value)]),
    body: Uint8Array.from(body),
  });
  const answer = await refusingDoor(status)(asked);
  return {
    status: answer.status,
    headers: Object.fromEntries(answer.headers),
    body: Buffer.from(await answer.arrayBuffer()),
  };
}

const HOP_BY_HOP = new Set(["connection", "keep-alive", "transfer-encoding", "content-length"]);

function send(response: ServerResponse, { status, headers, body }: Answer): void {
  response.writeHead(status, { ...headers, ...(status !== 204 && { "content-length": body.length }) }).end(body);
}
