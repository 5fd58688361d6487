import { hash } from "node:crypto";
import * as z from "zod";
import type { Retry, SendRetries } from "../../event/retry.ts";
import type { PutFrames } from "../../ingest/publish.ts";
import { dayOf } from "../../kit/day.ts";
import type { Entry, ReadEntries, SendEntries } from "./message-lines.ts";

/** Sends frames and events on their way back to the stream. I-15. */
export const createSendRetries =
  (send: SendEntries, now: () => number = Date.now): SendRetries =>
  (messages) =>
    send(messages.map((message) => entryOf(message, now())));

/** Where publish leaves what the stream did not take: one attempt, each record's own outcome. Never throws. Decision 4. */
export const createSpill = (send: SendEntries, now: () => number = Date.now): PutFrames => {
  const sendRetries = createSendRetries(send, now);
  return (puts) => sendRetries(puts.map((put) => ({ kind: "frame", ...put })));
};

/** The frames and events of one message of that queue. Rejects for a message that is not ours. */
export const createReadRetries =
  (read: ReadEntries) =>
  async (body: string): Promise<Retry[]> =>
    z.array(Message).parse(await read(body));

const text = z.string();
const Message: z.ZodType<Retry> = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("frame"),
    partitionKey: text.min(1),
    explicitHashKey: text.optional(),
    record: z.base64().transform((record) => Buffer.from(record, "base64")),
  }),
  z.object({
    kind: z.literal("event"),
    workspaceId: z.guid(),
    sourceId: text,
    payload: text,
    messageId: text,
    receivedAt: z.int(),
    attempt: z.int().min(1),
    letterId: text,
    replayId: text,
  }),
]);

function entryOf(message: Retry, nowMs: number): Entry {
  if (message.kind === "event")
    return {
      value: message,
      key: () => `replays/${message.workspaceId}/${dayOf(nowMs)}/${message.replayId}/${message.letterId}`,
    };
  const { partitionKey, explicitHashKey, record } = message;
  return {
    value: { kind: "frame", partitionKey, explicitHashKey, record: record.toString("base64") },
    key: () => `frames/${dayOf(nowMs)}/${hash("sha256", record)}`,
  };
}
