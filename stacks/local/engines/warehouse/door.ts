import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { refusedAsForeign } from "../../local-only.ts";
import { answerTo } from "./answer.ts";
import { bodyOf, statementOf, withForm } from "./body.ts";
import { callOf } from "./call.ts";
import type { Engine } from "./engine.ts";
import { engineErrorOf } from "./engine-error.ts";
import type { Perform } from "./perform.ts";

/** Longer than a server's own limit on the address, since parameters travel in it. */
const HEADER_BYTES_MAX = 4 * 1024 * 1024;

/** ClickHouse's HTTP interface on 127.0.0.1. Nothing that a request does ends the process. */
export async function openDoor(engine: Engine, perform: Perform, port: number): Promise<Server & { port: number }> {
  const server = createServer({ maxHeaderSize: HEADER_BYTES_MAX, requestTimeout: 0 }, (request, response) => {
    request.on("error", () => {}); // seen by who reads the body; a broken request that nobody reads is no news
    const refused = refusedAsForeign(request, bound.port);
    if (refused !== undefined) return plain(response, 403, `${refused}\n`);
    const path = pathOf(request);
    const asks = path === "/" && (request.method === "POST" || /[?&]query=/.test(request.url ?? ""));
    if (asks) return void answer(request, response);
    if (path === "/" || path === "/ping") return plain(response, 200, "Ok.\n");
    plain(response, 404, `There is no handle ${path}\n\nUse / or /ping for health checks, and / for queries.\n`);
  });
  server.keepAliveTimeout = 10_000;

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const answering = answerTo(request, response, engine);
    try {
      const call = callOf(request);
      answering.heed(call);
      const body = bodyOf(call, request);
      const whole = await withForm(call, request, body);
      await perform(whole, await statementOf(whole, body), answering);
    } catch (error) {
      answering.fail(engineErrorOf(error));
    }
  };

  const bound = await new Promise<AddressInfo>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(server.address() as AddressInfo));
  });
  return Object.assign(server, { port: bound.port });
}

/** Not by `URL`, which throws for some of what a socket can send, such as `//[`. */
const pathOf = (request: IncomingMessage): string => (request.url ?? "/").split("?", 1)[0] || "/";

function plain(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    "Content-Type": "text/html; charset=UTF-8",
    "X-ClickHouse-Server-Display-Name": "millrace",
  });
  response.end(text);
}
