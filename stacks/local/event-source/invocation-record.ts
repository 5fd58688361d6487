import type { KinesisStreamEvent } from "aws-lambda";

/** Records that a mapping gave up, and what is known about their last invocation. */
export type FailedInvocation = {
  mappingId: string;
  functionArn: string;
  streamArn: string;
  shardId: string;
  requestId: string;
  condition: "RetryAttemptsExhausted" | "RecordAgeExceeded";
  /** Undefined when the records were never given to the handler. */
  functionError: "Unhandled" | undefined;
  invocations: number;
  event: KinesisStreamEvent;
  atMs: number;
};

/** The document that Lambda writes to an on-failure bucket: who, why, which range, and the whole event as text. */
export function invocationRecord(failed: FailedInvocation) {
  const { Records } = failed.event;
  const [first, last] = [Records[0], Records.at(-1)];
  if (!first || !last) throw new Error("an invocation record needs records");
  return {
    requestContext: {
      requestId: failed.requestId,
      functionArn: failed.functionArn,
      condition: failed.condition,
      approximateInvokeCount: failed.invocations,
    },
    responseContext: {
      statusCode: 200,
      executedVersion: "$LATEST",
      ...(failed.functionError && { functionError: failed.functionError }),
    },
    version: "1.0",
    timestamp: new Date(failed.atMs).toISOString(),
    KinesisBatchInfo: {
      shardId: failed.shardId,
      startSequenceNumber: first.kinesis.sequenceNumber,
      endSequenceNumber: last.kinesis.sequenceNumber,
      approximateArrivalOfFirstRecord: isoOf(first.kinesis.approximateArrivalTimestamp),
      approximateArrivalOfLastRecord: isoOf(last.kinesis.approximateArrivalTimestamp),
      batchSize: Records.length,
      streamArn: failed.streamArn,
    },
    payload: JSON.stringify(failed.event),
  };
}

/** Where Lambda puts it: `aws/lambda/<mapping>/<shard>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<uuid>`, in UTC. */
export function invocationRecordKey(failed: FailedInvocation, uuid: string): string {
  const [day = "", time = ""] = new Date(failed.atMs).toISOString().split("T");
  const folder = `aws/lambda/${failed.mappingId}/${failed.shardId}/${day.replaceAll("-", "/")}`;
  return `${folder}/${day}T${time.slice(0, 8).replaceAll(":", ".")}-${uuid}`;
}

const isoOf = (seconds: number) => new Date(Math.round(seconds * 1_000)).toISOString();
