import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { messageOf } from "../../../../functions/kit/errors.ts";
import { refusedAsForeign } from "../../local-only.ts";
import { type Answer, type Backend, RedisError, type Reply } from "./reply.ts";

/** Upstash's own limit of a request. */
const BODY_BYTES_MAX = 10 * 1_024 * 1_024;

/** An answer that is no result: its HTTP status and the text under `error`. */
class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The door: `stop` lets what is under way be answered, and ends every subscription. */
export type RestDoor = { port: number; stop: () => Promise<void> };

/**
 * Serves Upstash's REST protocol on 127.0.0.1: `POST /` with one command, `/pipeline` and `/multi-exec` with a list,
 * or the command as a path; `/subscribe/{channel}` answers server-sent events. Resolves when it listens.
 * https://upstash.com/docs/redis/features/restapi
 */
export async function serveRest(backend: Backend, options: { port: number; token: string }): Promise<RestDoor> {
  const streams = new Set<ServerResponse>();
  const server = createServer(async (request, response) => {
    try {
      const foreign = refusedAsForeign(request, portOf(server));
      if (foreign !== undefined) throw new Refusal(403, foreign);
      // Upstash takes `?_token=` too. Not here: any page can make a browser load an address.
      if (request.headers.authorization !== `Bearer ${options.token}`)
        throw new Refusal(401, "WRONGPASS invalid or missing auth token");
      if (request.url?.startsWith(SUBSCRIBE)) return await subscribe(backend, request, response, streams);
      const answer = await answerTo(backend, request);
      const base64 = request.headers["upstash-encoding"] === "base64";
      send(response, 200, base64 ? encoded(answer) : answer);
    } catch (error) {
      if (error instanceof Refusal) send(response, error.status, { error: error.message });
      else if (error instanceof RedisError) send(response, 400, { error: error.message });
      else send(response, 503, { error: `ERR ${messageOf(error)}` });
    }
  });
  // A client's pool must not write to a socket that is being closed for idleness between two of its requests.
  server.keepAliveTimeout = 65_000;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, "127.0.0.1", resolve);
  });
  const stop = async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const stream of streams) stream.end();
    server.closeIdleConnections();
    await closed;
  };
  return { port: portOf(server), stop };
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

async function answerTo(backend: Backend, request: IncomingMessage): Promise<Answer | Answer[]> {
  if (!["GET", "POST", "PUT"].includes(request.method ?? "")) throw new Refusal(405, "ERR method not allowed");
  const body = await read(request);
  const url = new URL(request.url ?? "/", "http://127.0.0.1");
  if (url.pathname === "/pipeline") return backend.run(commandsOf(body), false);
  if (url.pathname === "/multi-exec") return backend.run(commandsOf(body), true);
  const command = url.pathname === "/" ? commandOf(parsed(body)) : pathCommand(url, body);
  const [answer] = await backend.run([command], false);
  if (answer === undefined || "error" in answer) throw new RedisError(answer?.error ?? "ERR no answer");
  return answer;
}

const SUBSCRIBE = "/subscribe/";

/** Upstash's form: `data: subscribe,{channel},{how many}`, then `data: message,{channel},{text}` for each message. */
async function subscribe(
  backend: Backend,
  request: IncomingMessage,
  response: ServerResponse,
  streams: Set<ServerResponse>,
): Promise<void> {
  const channels = pathWords(request.url?.slice(SUBSCRIBE.length) ?? "");
  const say = (...words: (string | number)[]) => response.write(`data: ${words.join()}\n\n`);
  response.setHeader("content-type", "text/event-stream");
  const unsubscribe = await backend.subscribe(channels, {
    onMessage: (channel, message) => void say("message", channel, message),
    onEnd: () => void response.end(),
  });
  if (response.destroyed) return unsubscribe();
  streams.add(response);
  response.on("close", () => {
    streams.delete(response);
    unsubscribe();
  });
  for (const [index, channel] of channels.entries()) say("subscribe", channel, index + 1);
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Read to the end even when it is too long: leaving early would close the socket before the answer.
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes <= BODY_BYTES_MAX) chunks.push(chunk);
  }
  if (bytes > BODY_BYTES_MAX)
    throw new Refusal(413, `ERR max request size exceeded. Limit: ${BODY_BYTES_MAX} bytes, Actual: ${bytes} bytes`);
  return Buffer.concat(chunks).toString("utf8");
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (error) {
    throw new Refusal(400, `ERR failed to parse the request: ${messageOf(error)}`);
  }
}

function commandsOf(body: string): string[][] {
  const commands = parsed(body);
  if (!Array.isArray(commands) || commands.length === 0)
    throw new Refusal(400, "ERR the body must be a list of commands, each a list of words");
  return commands.map(commandOf);
}

function commandOf(words: unknown): string[] {
  if (!Array.isArray(words) || words.length === 0 || !words.every(isWord))
    throw new Refusal(400, "ERR a command must be a list of strings, numbers and booleans");
  return words.map(String);
}

const isWord = (word: unknown): boolean => ["string", "number", "boolean"].includes(typeof word);

/** `/set/foo` with the value as the body and what follows it as the query: `?EX=100`. */
function pathCommand(url: URL, body: string): string[] {
  const query = [...url.searchParams].flatMap(([name, value]) => (value === "" ? [name] : [name, value]));
  return [...pathWords(url.pathname.slice(1)), ...(body === "" ? [] : [body]), ...query];
}

function pathWords(path: string): string[] {
  try {
    return path.split("/").map(decodeURIComponent);
  } catch (error) {
    throw new Refusal(400, `ERR failed to parse the path: ${messageOf(error)}`);
  }
}

/** Every string in base64 but "OK", which is how Upstash encodes a result. */
function encoded(answer: Answer | Answer[]): Answer | Answer[] {
  if (Array.isArray(answer)) return answer.map((one) => encoded(one) as Answer);
  return "error" in answer ? answer : { result: encodedReply(answer.result) };
}

function encodedReply(reply: Reply): Reply {
  if (Array.isArray(reply)) return reply.map(encodedReply);
  return typeof reply === "string" && reply !== "OK" ? Buffer.from(reply).toString("base64") : reply;
}

function send(response: ServerResponse, status: number, body: Answer | Answer[]): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  response.end(text);
}
