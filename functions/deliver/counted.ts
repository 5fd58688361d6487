import type { Context, KinesisStreamRecord, SQSRecord } from "aws-lambda";
import { metrics } from "../kit/metrics.ts";

type Consumer<Of> = (
  event: { Records: Of[] },
  context: Pick<Context, "getRemainingTimeInMillis">,
) => Promise<{ batchItemFailures: { itemIdentifier: string }[] }>;

/**
 * A consumer whose invocations are counted under its name: how many records each had, how old the oldest was when it began
 * (for a stream that is the lag of its shard in seconds), and whether all were done. One that throws did none.
 */
export const counted =
  <Of extends KinesisStreamRecord | SQSRecord>(
    consumer: string,
    handler: Consumer<Of>,
    now: () => number = Date.now,
  ): Consumer<Of> =>
  async (event, context) => {
    const { Records } = event;
    const beganMs = now();
    let failed = Records.length;
    try {
      const answer = await handler(event, context);
      failed = answer.batchItemFailures.length;
      return answer;
    } finally {
      const [first] = Records;
      const ages = Records.map((record) => beganMs - arrivedMs(record, beganMs));
      const oldestSeconds =
        Math.max(
          0,
          ages.reduce((oldest, age) => Math.max(oldest, age), 0),
        ) / 1_000;
      if (first) metrics.invocation(consumer, shardOf(first), { records: Records.length, oldestSeconds, failed });
    }
  };

const shardOf = (record: KinesisStreamRecord | SQSRecord): string =>
  "kinesis" in record ? (record.eventID.split(":")[0] ?? "") : "";

/** When the stream or the queue took it, milliseconds UTC; `unknownMs` where that is not said. */
const arrivedMs = (record: KinesisStreamRecord | SQSRecord, unknownMs: number): number =>
  "kinesis" in record
    ? record.kinesis.approximateArrivalTimestamp * 1_000
    : Number(record.attributes.SentTimestamp) || unknownMs;
