import { SendMessageBatchCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { chunksOf } from "../../kit/chunks.ts";
import type { DeadLetter, RejectRecords } from "../../deliver/dead-letter.ts";

/** A message may have 256 KiB in older engines: a payload above it travels cut, and says so. reliability.md 2.3. */
const PAYLOAD_CHARS_MAX = 180_000;
const MESSAGES_PER_CALL = 10;

/** Sends what cannot be stored to the `dlq` queue. Throws unless every message was taken, so that nothing is committed. F43. */
export function createRejectRecords(sqs: Pick<SQSClient, "send">, queueUrl: string): RejectRecords {
  return async (letters) => {
    for (const chunk of chunksOf(MESSAGES_PER_CALL, letters)) {
      const Entries = chunk.map((letter, index) => ({ Id: String(index), MessageBody: JSON.stringify(cut(letter)) }));
      const { Failed } = await sqs.send(new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries }));
      if (Failed?.length) throw new Error(`${Failed.length} of ${chunk.length} dead letters were not taken: ${Failed[0]?.Code}`);
    }
  };
}

const cut = (letter: DeadLetter) =>
  letter.payload.length <= PAYLOAD_CHARS_MAX ? letter : { ...letter, payload: letter.payload.slice(0, PAYLOAD_CHARS_MAX), cut: true };
