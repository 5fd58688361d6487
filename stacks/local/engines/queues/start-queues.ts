import { mkdir } from "node:fs/promises";
import type { IncomingMessage, Server } from "node:http";
import type { AddressInfo } from "node:net";
import { refusedAsForeign } from "../../local-only.ts";
import type { EngineOptions, EngineReady } from "../list.ts";
import { openFauxqs, type SqsStore } from "./fauxqs.ts";

type Request = { raw: IncomingMessage; headers: Record<string, string | undefined>; body: unknown };
type Reply = { code: (status: number) => Reply; send: (body: string) => Reply };
/** The part of fauxqs's fastify app that is used here. */
export type FauxqsApp = {
  server: Server;
  listen: (at: { port: number; host: string }) => Promise<string>;
  close: () => Promise<void>;
  addHook: ((name: "onClose", hook: () => Promise<void>) => void) &
    ((name: "onRequest", hook: (request: Request, reply: Reply) => Promise<Reply | undefined>) => void) &
    ((name: "onSend", hook: (request: Request, reply: Reply, payload: unknown) => Promise<unknown>) => void);
};

/** SQS and S3 (path-style, same port) on 127.0.0.1; what was acknowledged survives the end of this process, SIGKILL included. */
export async function startQueues({ dataDir, port }: EngineOptions) {
  await mkdir(dataDir, { recursive: true });
  const { app, sqsStore } = await openFauxqs(dataDir);
  let boundPort = port;
  app.addHook("onRequest", async (request, reply) => {
    const refusal = refusedAsForeign(request.raw, boundPort);
    return refusal === undefined ? undefined : reply.code(403).send(`${refusal}\n`);
  });
  app.addHook("onSend", async (request, _reply, payload) => {
    if (request.raw.socket.destroyed) putBack(sqsStore, request, payload);
    return payload;
  });
  await app.listen({ port, host: "127.0.0.1" });
  boundPort = (app.server.address() as AddressInfo).port;
  moveToPort(sqsStore, boundPort);

  const ready: EngineReady = { port: boundPort, url: `http://127.0.0.1:${boundPort}` };
  return { ready, stop: () => app.close() };
}

/**
 * A long poll outlives its client here: the next message would go to a worker that was killed, and stay hidden for
 * the whole visibility timeout. What could not be handed over becomes visible again, as if never received.
 */
function putBack(sqsStore: SqsStore, request: Request, payload: unknown): void {
  if (request.headers["x-amz-target"] !== "AmazonSQS.ReceiveMessage" || typeof payload !== "string") return;
  const { Messages = [] } = JSON.parse(payload) as { Messages?: { ReceiptHandle: string }[] };
  const queue = sqsStore.getQueue((request.body as { QueueUrl: string }).QueueUrl);
  for (const { ReceiptHandle } of Messages) {
    const entry = queue?.inflightMessages.get(ReceiptHandle);
    if (entry) entry.message.approximateReceiveCount -= 1;
    queue?.changeVisibility(ReceiptHandle, 0);
  }
}

/**
 * Queues keep the URL they were made with. A client without an endpoint of its own sends its requests to that URL, so
 * it must have today's port.
 */
function moveToPort(sqsStore: SqsStore, port: number): void {
  const queues = [...sqsStore.queues.values()];
  for (const queue of queues) queue.url = `http://127.0.0.1:${port}${new URL(queue.url).pathname}`;
  sqsStore.queues = new Map(queues.map((queue) => [queue.url, queue]));
}
