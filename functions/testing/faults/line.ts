import type { IncomingMessage, ServerResponse } from "node:http";
import { listen } from "../listen.ts";

export type LineAnswer = { status: number; headers: Record<string, string>; body: Buffer };
/** One request on its way: `pass` lets the engine do it, `reset` breaks the connection off without a word. */
export type OnTheLine = {
  /** A statement that stores something. */
  isInsert: boolean;
  token: string | null;
  /** Its connection carried a request before. */
  isReused: boolean;
  pass: () => Promise<LineAnswer>;
  answer: (answer: LineAnswer) => void;
  reset: () => void;
};
export type Meddle = (request: OnTheLine) => Promise<void>;

const through: Meddle = async ({ pass, answer }) => answer(await pass());

/** Stands between a client and an engine's HTTP door, which may move. What goes wrong behind it breaks the connection off. */
export async function startLine(engineUrl: string) {
  let [target, meddle] = [engineUrl, through];
  const seen = new WeakSet<object>();
  const carry = async (request: IncomingMessage, response: ServerResponse) => {
    const isReused = seen.has(request.socket);
    seen.add(request.socket);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { method = "GET", url = "/" } = request;
    const body = Buffer.concat(chunks);
    const said = `${decodeURIComponent(url.replaceAll("+", " "))}\n${body.subarray(0, 200).toString("latin1")}`;
    await meddle({
      isInsert: /INSERT INTO/.test(said),
      isReused,
      token: new URL(url, target).searchParams.get("insert_deduplication_token"),
      reset: () => request.socket.resetAndDestroy(),
      pass: async () => {
        const answer = await fetch(target + url, { method, ...(method === "POST" && { body }) });
        const headers = Object.fromEntries([...answer.headers].filter(([name]) => name.startsWith("x-clickhouse")));
        return { status: answer.status, headers, body: Buffer.from(await answer.arrayBuffer()) };
      },
      answer: ({ status, headers, body }) => response.writeHead(status, headers).end(body),
    });
  };
  const { url, close } = await listen((request, response) => {
    carry(request, response).catch(() => request.socket.destroy());
  });
  return {
    url,
    meddle: (next: Meddle = through) => {
      meddle = next;
    },
    to: (url: string) => {
      target = url;
    },
    close,
  };
}
