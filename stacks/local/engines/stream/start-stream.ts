import { EventEmitter } from "node:events";
import { mkdir } from "node:fs/promises";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { closeServer, listenGuarded } from "../guarded-server.ts";
import type { EngineOptions, EngineReady } from "../list.ts";
import { openKinesalite } from "./kinesalite.ts";
import { allowWaiting, endWaiting } from "./long-poll.ts";
import { trimExpired } from "./trim-expired.ts";

/** Largest request that kinesalite takes; what is longer it answers with 413. */
const REQUEST_BYTES_MAX = 7 * 1_024 * 1_024;
const TRIM_EVERY_MS = 10 * 60_000;

/** kinesalite on 127.0.0.1 with its data on disk: what it acknowledged survives the end of this process, SIGKILL included. */
export async function startStream({ dataDir, port }: EngineOptions) {
  await mkdir(dataDir, { recursive: true });
  const { store, handle } = await openKinesalite(dataDir);
  const { server, port: boundPort } = await listenGuarded(wholeBody(handle), port);
  const trim = () => trimExpired(store, Date.now()).catch((error) => console.error("stream: trimming failed", error));
  const timer = setInterval(trim, TRIM_EVERY_MS);
  void trim();

  const ready: EngineReady = { port: boundPort, url: `http://127.0.0.1:${boundPort}` };
  const stop = async () => {
    clearInterval(timer);
    const closed = closeServer(server);
    endWaiting();
    // The data is not closed: LevelDB is made for a process that ends at any time, and a request that is still at work
    // would open it again.
    await closed;
  };
  return { ready, stop };
}

/**
 * Hands a request over when its body is complete. kinesalite would throw, and so end the process, when a client dies
 * in the middle of a request, and copies everything it has at each piece that arrives.
 */
function wholeBody(handle: RequestListener): RequestListener {
  return async (request: IncomingMessage, response: ServerResponse) => {
    const pieces: Buffer[] = [];
    let bytes = 0;
    try {
      for await (const piece of request as AsyncIterable<Buffer>) {
        if (bytes <= REQUEST_BYTES_MAX) pieces.push(piece);
        bytes += piece.length;
      }
    } catch {
      return; // the client is gone, and with it whoever could be answered
    }
    const { method, headers, url } = request;
    const whole = Object.assign(new EventEmitter(), { method, headers, url }) as unknown as IncomingMessage;
    handle(whole, response);
    allowWaiting(headers, () => {
      if (bytes > 0) whole.emit("data", pieces.length === 1 ? pieces[0] : Buffer.concat(pieces));
      whole.emit("end");
    });
  };
}
