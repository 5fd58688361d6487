import type { KinesisStreamEvent } from "aws-lambda";
import { LOCAL_ACCOUNT, LOCAL_REGION } from "./function.ts";

/** A record as it was read from its shard. */
export type ShardRecord = { sequenceNumber: string; partitionKey: string; data: Uint8Array; arrivalMs: number };

/** Lambda's bound of one synchronous invocation, base64 included. */
export const PAYLOAD_BYTES_MAX = 6 * 1_024 * 1_024;

/** The event that Lambda makes of a batch of one shard. */
export function toKinesisEvent(streamArn: string, shardId: string, records: ShardRecord[]): KinesisStreamEvent {
  return {
    Records: records.map(({ sequenceNumber, partitionKey, data, arrivalMs }) => ({
      kinesis: {
        kinesisSchemaVersion: "1.0",
        partitionKey,
        sequenceNumber,
        data: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64"),
        approximateArrivalTimestamp: arrivalMs / 1_000,
      },
      eventSource: "aws:kinesis",
      eventVersion: "1.0",
      eventID: `${shardId}:${sequenceNumber}`,
      eventName: "aws:kinesis:record",
      invokeIdentityArn: `arn:aws:iam::${LOCAL_ACCOUNT}:role/local`,
      awsRegion: LOCAL_REGION,
      eventSourceARN: streamArn,
    })),
  };
}

/** What one record adds to the payload of its event, in bytes of JSON. */
export const payloadBytes = ({ data, partitionKey }: ShardRecord): number =>
  Math.ceil(data.byteLength / 3) * 4 + Buffer.byteLength(partitionKey) + ENVELOPE_BYTES;

/** Everything around data and partition key; the stream's name is at most 128 characters. */
const ENVELOPE_BYTES =
  JSON.stringify(
    toKinesisEvent(
      `arn:aws:kinesis:${LOCAL_REGION}:${LOCAL_ACCOUNT}:stream/${"s".repeat(128)}`,
      `shardId-${"0".repeat(12)}`,
      [{ sequenceNumber: "0".repeat(56), partitionKey: "", data: new Uint8Array(), arrivalMs: 1_000_000_000_001 }],
    ).Records[0],
  ).length + 1;
