import { SendMessageCommand, type SQSClient } from "@aws-sdk/client-sqs";
import type { PutResult } from "../../ingest/publish.ts";
import { inGroups } from "../../kit/at-once.ts";
import { messageOf } from "../../kit/errors.ts";
import { log } from "../../kit/log.ts";
import type { LargeObjects } from "./large-objects.ts";
import { type Line, MESSAGE_BYTES_MAX, messageText, packed } from "./message-text.ts";
import { wasRefused } from "./was-refused.ts";

/** A value to be sent, and the key under which S3 keeps it when it is too large for a message. */
export type Entry = { value: object; key: () => string };

/** What became of each entry, in their order; nothing of it goes on after `budgetMs`. Never throws. */
export type SendEntries = (entries: readonly Entry[]) => Promise<PutResult[]>;

/** Calls at a time: a page of a replay makes some four messages, a door's request mostly one. */
const CALLS_AT_ONCE = 8;

/**
 * Sends values to a queue, a line of JSON each, as many in a message as fit: one call carries no more than one message
 * may have (reliability.md 2.3), so a call is a message.
 */
export function createSendEntries(
  { sqs, queueUrl, large }: { sqs: Pick<SQSClient, "send">; queueUrl: string; large: LargeObjects },
  { budgetMs }: { budgetMs: number },
): SendEntries {
  const told = (error: unknown): void => log.warn({ queue: queueUrl, error: messageOf(error) }, "send failed");
  return async (entries) => {
    const signal = AbortSignal.timeout(budgetMs);
    const results: PutResult[] = entries.map(() => "refused");
    const lines: Line[] = [];
    const places: number[] = [];
    const written = await inGroups(entries, CALLS_AT_ONCE, (entry) => lineOf(entry, large, signal));
    written.forEach((line, place) => {
      if (line instanceof Error) told(line);
      else {
        lines.push(line);
        places.push(place);
      }
    });
    await inGroups(packed(lines), CALLS_AT_ONCE, async (message) => {
      const result = await sqs
        .send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: message.body }), { abortSignal: signal })
        .then((): PutResult => "stored")
        .catch((error: unknown): PutResult => {
          told(error);
          return wasRefused(error) ? "refused" : "unknown";
        });
      for (const line of message.lines) results[places[line] ?? -1] = result;
    });
    return results;
  };
}

/** The values of one message, in their order. Rejects when the message, or a text that it points to, cannot be read. */
export type ReadEntries = (body: string) => Promise<unknown[]>;

export const createReadEntries =
  (large: LargeObjects): ReadEntries =>
  async (body) => {
    const values: unknown[] = [];
    for (const line of body.split("\n")) {
      const value: unknown = JSON.parse(line);
      const at = pointerIn(value);
      values.push(at === undefined ? value : JSON.parse(await large.get(at)));
    }
    return values;
  };

/** No queue value of ours has a field of this name. */
const POINTER = "large_object";

function pointerIn(value: unknown): string | undefined {
  const at = typeof value === "object" && value !== null ? (value as Record<string, unknown>)[POINTER] : undefined;
  return typeof at === "string" ? at : undefined;
}

/** The line of an entry; an error where its text is too large and could not be stored: then nothing of it was sent. */
async function lineOf({ value, key }: Entry, large: LargeObjects, signal: AbortSignal): Promise<Line | Error> {
  const text = messageText(value);
  if (Buffer.byteLength(text) < MESSAGE_BYTES_MAX) return { text, pointer: false };
  const at = key();
  try {
    await large.put(at, text, signal);
    return { text: messageText({ [POINTER]: at }), pointer: true };
  } catch (cause) {
    return new Error(`a text of ${text.length} characters could not be stored: ${messageOf(cause)}`, { cause });
  }
}
