import { hash } from "node:crypto";
import type { Context, SQSBatchResponse, SQSEvent } from "aws-lambda";
import type { DeadLetter, Stage } from "../event/dead-letter.ts";
import { AppError, messageOf } from "../kit/errors.ts";
import { log } from "../kit/log.ts";
import { ANSWER_MS, answer } from "./answer.ts";

/**
 * Names a refusal behind the stream by its place: the same one, met again by a retry, has the same id. `sub` is the
 * event's number in its record, or "" for a record as a whole. A UUID of version 8 over SHA-256. reliability.md 3.3.
 */
export function letterIdOf(shard: string, seq: string, sub: number | "", stage: Stage): string {
  const hex = hash("sha256", `${shard}:${seq}:${sub}:${stage}`);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

export type KeepLettersPorts = {
  /** The letters of one message. Rejects when it cannot be read. */
  readLetters: (body: string) => Promise<DeadLetter[]>;
  /** Each letter is in `dead_letters` once when this resolves, whatever was there. Rejects when nobody knows. */
  storeLetters: (letters: readonly DeadLetter[]) => Promise<void>;
  wait: (ms: number) => Promise<void>;
};

export type QueueHandler = (
  event: SQSEvent,
  context: Pick<Context, "getRemainingTimeInMillis">,
) => Promise<SQSBatchResponse>;

const PAUSE_MS = 500;

/**
 * SQS `dlq` → table `dead_letters`, one insert an invocation. A message that cannot be read is a fault of ours: it
 * returns, and goes to the queue's own dead letters; it holds nobody up. A table that is away is waited for as long as
 * the invocation lasts, since a message that returns has few turns; then all return.
 */
export const createKeepLetters =
  ({ readLetters, storeLetters, wait }: KeepLettersPorts): QueueHandler =>
  async ({ Records }, context) => {
    const stored = async (letters: readonly DeadLetter[]): Promise<void> => {
      try {
        await storeLetters(letters);
      } catch (error) {
        const isAway = error instanceof AppError && error.code === "unavailable";
        if (!isAway || context.getRemainingTimeInMillis() < ANSWER_MS) throw error;
        await wait(PAUSE_MS);
        await stored(letters);
      }
    };
    const failed: string[] = [];
    const letters: DeadLetter[] = [];
    for (const { messageId, body } of Records) {
      try {
        letters.push(...(await readLetters(body)));
      } catch (error) {
        log.error({ sqs_message_id: messageId, error: messageOf(error) }, "dead letter cannot be read");
        failed.push(messageId);
      }
    }
    try {
      if (letters.length > 0) await stored(letters);
    } catch (error) {
      log.error({ letters: letters.length, error: messageOf(error) }, "dead letters cannot be stored");
      return answer(Records.map(({ messageId }) => messageId));
    }
    return answer(failed);
  };
