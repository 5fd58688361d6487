import { SendMessageBatchCommand, type SQSClient } from "@aws-sdk/client-sqs";
import type { DeadLetter, RejectRecords } from "../../deliver/dead-letter.ts";

/** A message may have 256 KiB in older engines: a payload above it travels cut, and says so. reliability.md 2.3. */
const PAYLOAD_CHARS_MAX = 180_000;
const MESSAGES_PER_CALL = 10;
/** What one message may have is the limit of a whole call too. */
const CALL_BYTES_MAX = 240_000;

/** Sends what cannot be stored to the `dlq` queue. Throws unless every message was taken, so that nothing is committed. F43. */
export function createRejectRecords(sqs: Pick<SQSClient, "send">, queueUrl: string): RejectRecords {
  return async (letters) => {
    for (const bodies of calls(letters)) {
      const Entries = bodies.map((MessageBody, index) => ({ Id: String(index), MessageBody }));
      const { Failed } = await sqs.send(new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries }));
      if (Failed?.length)
        throw new Error(`${Failed.length} of ${bodies.length} dead letters were not taken: ${Failed[0]?.Code}`);
    }
  };
}

/** The letters' texts, in their order, in groups that one call can carry. */
function* calls(letters: readonly DeadLetter[]): Generator<string[]> {
  let bodies: string[] = [];
  let bytes = 0;
  for (const letter of letters) {
    const body = JSON.stringify(cut(letter));
    const own = Buffer.byteLength(body);
    if (bodies.length === MESSAGES_PER_CALL || (bodies.length > 0 && bytes + own > CALL_BYTES_MAX)) {
      yield bodies;
      [bodies, bytes] = [[], 0];
    }
    bodies.push(body);
    bytes += own;
  }
  if (bodies.length > 0) yield bodies;
}

const cut = (letter: DeadLetter) =>
  letter.payload.length <= PAYLOAD_CHARS_MAX
    ? letter
    : { ...letter, payload: letter.payload.slice(0, PAYLOAD_CHARS_MAX), cut: true };
