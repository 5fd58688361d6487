import type { IncomingMessage } from "node:http";

/**
 * Why a local listener refuses this request, or undefined when it does not. No web page may speak to an engine:
 * a page's own request carries an `Origin`, and a name rebound to 127.0.0.1 shows in `Host`. Decisions, "Local mode".
 */
export function refusedAsForeign(request: Pick<IncomingMessage, "headers">, port: number): string | undefined {
  if (request.headers.origin !== undefined) return "requests from web pages are refused here";
  return refusedHost(request, port);
}

/** The same for the query door, which our own console's pages may speak to: a rebound name is refused, an `Origin` is not. */
export function refusedHost(request: Pick<IncomingMessage, "headers">, port: number): string | undefined {
  const host = request.headers.host;
  if (host !== `127.0.0.1:${port}` && host !== `localhost:${port}`)
    return `the Host header must be localhost or 127.0.0.1 with port ${port}`;
  return undefined;
}
