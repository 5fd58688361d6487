import {
  GetRecordsCommand,
  GetShardIteratorCommand,
  type KinesisClient,
  ListShardsCommand,
} from "@aws-sdk/client-kinesis";

/** How far a consumer is behind on one shard: records that are not done, and the age of the oldest. `more`: there are at least so many. */
export type ShardLag = { shard: string; records: number; more: boolean; seconds: number };

/** Enough to see whether it falls behind; counting a day's backlog would take as long as reading it. */
const READS_MAX = 5;

/** Reads what lies behind a consumer's checkpoints; `after` is the last record of a shard that it is done with. */
export async function lagOf(
  kinesis: KinesisClient,
  StreamName: string,
  after: (shard: string) => string | undefined,
  now: () => number,
): Promise<ShardLag[]> {
  const { Shards = [] } = await kinesis.send(new ListShardsCommand({ StreamName }));
  return Promise.all(
    Shards.map(async ({ ShardId = "" }) => {
      const sequence = after(ShardId);
      const from = sequence
        ? { ShardIteratorType: "AFTER_SEQUENCE_NUMBER" as const, StartingSequenceNumber: sequence }
        : { ShardIteratorType: "TRIM_HORIZON" as const };
      const { ShardIterator } = await kinesis.send(new GetShardIteratorCommand({ StreamName, ShardId, ...from }));
      return { shard: ShardId, ...(await unread(kinesis, ShardIterator, now)) };
    }),
  );
}

async function unread(kinesis: KinesisClient, first: string | undefined, now: () => number) {
  let iterator = first;
  let records = 0;
  let oldestMs: number | undefined;
  for (let read = 0; read < READS_MAX && iterator; read++) {
    const answer = await kinesis.send(new GetRecordsCommand({ ShardIterator: iterator }));
    const { Records = [] } = answer;
    oldestMs ??= Records[0]?.ApproximateArrivalTimestamp?.getTime();
    records += Records.length;
    iterator = answer.NextShardIterator;
    if (Records.length === 0) iterator = undefined;
  }
  const seconds = oldestMs === undefined ? 0 : Math.max(0, (now() - oldestMs) / 1_000);
  return { records, more: iterator !== undefined, seconds };
}
