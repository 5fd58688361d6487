import { expect, test } from "vitest";
import { type FailedInvocation, invocationRecord, invocationRecordKey } from "./invocation-record.ts";
import { toKinesisEvent } from "./kinesis-event.ts";

const streamArn = "arn:aws:kinesis:us-east-1:000000000000:stream/events";
const shardId = "shardId-000000000001";
const record = (sequenceNumber: string, arrivalMs: number) => ({
  sequenceNumber,
  partitionKey: "k",
  data: Buffer.from("x"),
  arrivalMs,
});
const event = toKinesisEvent(streamArn, shardId, [
  record("4".repeat(56), Date.UTC(2026, 0, 2, 3, 4, 5, 835)),
  record("5".repeat(56), Date.UTC(2026, 0, 2, 3, 4, 6, 580)),
]);
const failed: FailedInvocation = {
  mappingId: "11111111-1111-4111-8111-111111111111",
  functionArn: "arn:aws:lambda:us-east-1:000000000000:function:deliver",
  streamArn,
  shardId,
  requestId: "22222222-2222-4222-8222-222222222222",
  condition: "RetryAttemptsExhausted",
  functionError: "Unhandled",
  invocations: 3,
  event,
  atMs: Date.UTC(2026, 10, 9, 8, 7, 6, 21),
};

test("the document has every field of Lambda's, and the whole event as text", () => {
  expect(invocationRecord(failed)).toEqual({
    requestContext: {
      requestId: failed.requestId,
      functionArn: failed.functionArn,
      condition: "RetryAttemptsExhausted",
      approximateInvokeCount: 3,
    },
    responseContext: { statusCode: 200, executedVersion: "$LATEST", functionError: "Unhandled" },
    version: "1.0",
    timestamp: "2026-11-09T08:07:06.021Z",
    KinesisBatchInfo: {
      shardId,
      startSequenceNumber: "4".repeat(56),
      endSequenceNumber: "5".repeat(56),
      approximateArrivalOfFirstRecord: "2026-01-02T03:04:05.835Z",
      approximateArrivalOfLastRecord: "2026-01-02T03:04:06.580Z",
      batchSize: 2,
      streamArn,
    },
    payload: JSON.stringify(event),
  });
});

test("its key has mapping, shard, UTC day and second", () => {
  expect(invocationRecordKey(failed, "u-u-i-d")).toBe(
    "aws/lambda/11111111-1111-4111-8111-111111111111/shardId-000000000001/2026/11/09/2026-11-09T08.07.06-u-u-i-d",
  );
});
