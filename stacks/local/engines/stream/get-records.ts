import { createDecipheriv } from "node:crypto";
import { messageOf } from "../../../../functions/kit/errors.ts";
import type { Action, KinesaliteDb, LevelIterator, Store, StoredRecord, Stream } from "./kinesalite.ts";
import { listen } from "./long-poll.ts";

type Request = { ShardIterator: string; Limit?: number };
type ReadRecord = StoredRecord & { SequenceNumber: string };
type Answer = { Records: ReadRecord[]; NextShardIterator?: string; MillisBehindLatest: number };
export type GetRecords = Action<Request, Answer>;

/** AWS's own bounds of one call. */
const RECORDS_MAX = 10_000;
const BYTES_MAX = 10 * 1_024 * 1_024;
const ITERATOR_LIFE_MS = 300_000;

/**
 * GetRecords as AWS documents it, in place of kinesalite's, which has no bound in bytes (a backlog of 10,000 large
 * records ends the process), always says it is 0 ms behind, and moves an iterator on by the clock when nothing was
 * there, which skips a record that is being written at that moment.
 */
export function createGetRecords(db: KinesaliteDb): GetRecords {
  const read = async (store: Store, { ShardIterator, Limit = RECORDS_MAX }: Request): Promise<Answer> => {
    const at = openIterator(db, ShardIterator, Date.now());
    const stream = await streamOf(store, at.stream);
    const shard = stream.Shards[at.shardIx];
    if (!shard) throw db.clientError("ResourceNotFoundException", `Shard ${at.shardId} does not exist`);
    const oldestMs = Date.now() - stream.RetentionPeriodHours * 3_600_000;

    const records: ReadRecord[] = [];
    let [bytes, more, next] = [0, false, at.sequenceNumber];
    const from = `${db.shardIxToHex(at.shardIx)}/${at.sequenceNumber}`;
    const range = { gte: from, lt: db.shardIxToHex(at.shardIx + 1), highWaterMark: 1_048_576 };
    for await (const [key, value] of entriesOf(store.getStreamDb(at.stream).iterator(range))) {
      const SequenceNumber = key.slice(key.indexOf("/") + 1);
      if (value.ApproximateArrivalTimestamp * 1_000 >= oldestMs) {
        bytes += (value.Data.length * 3) / 4;
        more = records.length === Limit || (bytes > BYTES_MAX && records.length > 0);
        if (more) break;
        records.push({ ...value, SequenceNumber });
      }
      next = SequenceNumber;
    }
    if (next !== at.sequenceNumber || records.length > 0) next = db.incrementSequence(db.parseSequence(next));

    const ended = shard.SequenceNumberRange.EndingSequenceNumber !== undefined && !more;
    const last = records.at(-1);
    const MillisBehindLatest = more && last ? Math.max(0, Date.now() - last.ApproximateArrivalTimestamp * 1_000) : 0;
    return {
      Records: records,
      MillisBehindLatest: Math.round(MillisBehindLatest),
      ...(!ended && { NextShardIterator: db.createShardIterator(at.stream, at.shardId, next) }),
    };
  };
  const readOrWait = async (store: Store, request: Request): Promise<Answer> => {
    const { stream, shardId } = openIterator(db, request.ShardIterator, Date.now());
    for (;;) {
      const waiting = listen(stream, shardId);
      try {
        const answer = await read(store, request);
        const empty = answer.Records.length === 0 && answer.NextShardIterator !== undefined;
        if (!empty || !(await waiting.ring())) return answer;
      } finally {
        waiting.end();
      }
    }
  };
  return (store, request, done) =>
    void readOrWait(store, request).then(
      (answer) => done(null, answer),
      // An error without a status would end the process: a read that was under way when the engine stops has none.
      (error) => done("statusCode" in error ? error : db.serverError("InternalFailure", messageOf(error))),
    );
}

/** kinesalite's own format: eight bytes of version, then `time/stream/shard/sequence number/filler`, encrypted. */
function openIterator(db: KinesaliteDb, iterator: string, nowMs: number) {
  const invalid = () => db.clientError("InvalidArgumentException", "Invalid ShardIterator.");
  const bytes = Buffer.from(iterator, "base64");
  let parts: string[];
  try {
    const decipher = createDecipheriv("aes-256-cbc", db.ITERATOR_PWD_KEY, db.ITERATOR_PWD_IV);
    parts = Buffer.concat([decipher.update(bytes.subarray(8)), decipher.final()])
      .toString("utf8")
      .split("/");
    db.parseSequence(parts[3] ?? "");
  } catch {
    throw invalid();
  }
  const [createdMs = "", stream = "", shardId = "", sequenceNumber = ""] = parts;
  const shardIx = Number(/^shardId-(\d{12})$/.exec(shardId)?.[1] ?? Number.NaN);
  if (parts.length !== 5 || !(Number(createdMs) <= nowMs) || Number.isNaN(shardIx)) throw invalid();
  if (nowMs - Number(createdMs) > ITERATOR_LIFE_MS)
    throw db.clientError("ExpiredIteratorException", "Iterator expired: it is older than 300000 milliseconds.");
  return { stream, shardId, shardIx, sequenceNumber };
}

const streamOf = (store: Store, name: string) =>
  new Promise<Stream>((resolve, reject) => {
    store.getStream(name, (error, stream) => (error ? reject(error) : resolve(stream)));
  });

async function* entriesOf(iterator: LevelIterator): AsyncGenerator<[key: string, value: StoredRecord]> {
  try {
    for (;;) {
      const entry = await new Promise<[string, StoredRecord] | undefined>((resolve, reject) => {
        iterator.next((error, key, value) => (error ? reject(error) : resolve(key === undefined ? key : [key, value])));
      });
      if (!entry) return;
      yield entry;
    }
  } finally {
    await new Promise<void>((resolve) => iterator.end(() => resolve()));
  }
}
