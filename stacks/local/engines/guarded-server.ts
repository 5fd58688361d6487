import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { refusedAsForeign } from "../local-only.ts";

/** Why a request is refused, or undefined. */
export type Guard = (request: IncomingMessage, port: number) => string | undefined;

/** An HTTP server on 127.0.0.1 that answers 403 to what `guard` refuses (whatever a web page sent), before `handle` sees it. Port 0 = any free one. */
export async function listenGuarded(
  handle: RequestListener,
  port: number,
  guard: Guard = refusedAsForeign,
): Promise<{ server: Server; port: number }> {
  const server = createServer((request, response) => {
    const refusal = guard(request, boundPort);
    if (refusal === undefined) return handle(request, response);
    response.writeHead(403, { "content-type": "text/plain" }).end(`${refusal}\n`);
  });
  // Longer than our clients keep an idle connection: one that is closed under a request is a lost answer.
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const boundPort = (server.address() as AddressInfo).port;
  return { server, port: boundPort };
}

/** Lets the requests in flight end, drops idle connections at once and, after `graceMs`, the rest. */
export async function closeServer(server: Server, graceMs = 1_000): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(timer);
}
