import { KinesisClient, PutRecordsCommand, type PutRecordsResultEntry } from "@aws-sdk/client-kinesis";
import type { PutFrames, PutResult } from "../../ingest/publish.ts";
import { messageOf } from "../../kit/errors.ts";
import { log } from "../../kit/log.ts";
import { type AwsSettings, clientConfig } from "./client.ts";
import { wasRefused } from "./was-refused.ts";

/** An attempt that has not been answered by then counts as unknown. Long enough for a stream that is merely busy. */
const PUT_TIMEOUT_MS = 3_000;

/** The stream's client for puts: it never repeats a call by itself, since a repeated put must be marked suspect. */
export const createPutClient = (aws: AwsSettings): KinesisClient =>
  new KinesisClient(clientConfig(aws, { attempts: 1, timeoutMs: PUT_TIMEOUT_MS }));

/**
 * One PutRecords call. An entry with an error code was not written; a call that failed as a whole was refused for
 * certain only when the service said so with a client error, else its outcome is unknown. reliability.md 2.2; F1, F3.
 */
export function createPutFrames(kinesis: Pick<KinesisClient, "send">, stream: string): PutFrames {
  return async (puts) => {
    const Records = puts.map(({ partitionKey, explicitHashKey, record }) => ({
      PartitionKey: partitionKey,
      ...(explicitHashKey !== undefined && { ExplicitHashKey: explicitHashKey }),
      Data: record,
    }));
    try {
      const answer = await kinesis.send(new PutRecordsCommand({ StreamName: stream, Records }), {
        abortSignal: AbortSignal.timeout(PUT_TIMEOUT_MS),
      });
      return puts.map((_, index) => resultOf(answer.Records?.[index]));
    } catch (error) {
      log.warn({ stream, records: puts.length, error: messageOf(error) }, "put failed");
      return puts.map(() => (wasRefused(error) ? "refused" : "unknown"));
    }
  };
}

const resultOf = (entry: PutRecordsResultEntry | undefined): PutResult =>
  entry?.SequenceNumber ? "stored" : entry?.ErrorCode ? "refused" : "unknown";
