import type { Context, KinesisStreamBatchResponse, KinesisStreamEvent, KinesisStreamRecord } from "aws-lambda";
import type { RejectEvents } from "../event/dead-letter.ts";
import { eventsIn } from "../event/frame.ts";
import { log } from "../kit/log.ts";
import { ANSWER_MS } from "./answer.ts";
import { OutOfTime } from "./out-of-time.ts";
import { type Piece, prepare, withoutBroken } from "./prepare.ts";
import type { Range, StoreOnce } from "./store-once.ts";

export type DeliverPorts = { reject: RejectEvents; storeOnce: StoreOnce };
/** A stream handler that answers with a list or throws: an empty return would be read as success. F16. */
export type DeliverHandler = (
  event: KinesisStreamEvent,
  context: Pick<Context, "getRemainingTimeInMillis">,
) => Promise<KinesisStreamBatchResponse>;

/** Large inserts cost the engine least per row (performance.md 4.4); the second bound keeps memory flat for large events. */
const EVENTS_PER_INSERT = 50_000;
const DATA_CHARS_PER_INSERT = 8 * 1_024 * 1_024;

/**
 * Stream → warehouse. A bad record goes to the dead letters and the rest is stored. A fault of ours stops at its chunk,
 * whose first sequence number is reported: Lambda resumes at the lowest one reported, so one is enough. While a chunk is
 * inserted the next is read. Throws when there was no time for its first chunk: reported, the very same records would come
 * again for ever; of what failed, Lambda makes halves (F17). Decision 14; reliability.md 2.1.
 */
export const createDeliver =
  (ports: DeliverPorts): DeliverHandler =>
  async ({ Records }, context) => {
    const endsAtMs = Date.now() + context.getRemainingTimeInMillis() - ANSWER_MS;
    let storing: Promise<Failure> = Promise.resolve(undefined);
    for (const chunk of chunks(Records)) {
      const range = rangeOf(chunk);
      const { pieces, rejected } = prepare(chunk, range.shard);
      const failed = await storing;
      if (failed) return answerOf(failed, Records);
      storing = attempt(range, async () => {
        // Before the rows: a repeated chunk may repeat a dead letter, never lose it.
        if (rejected.length > 0) await ports.reject(rejected);
        await store(ports, { range, chunk, endsAtMs }, pieces);
      });
    }
    const failed = await storing;
    return failed ? answerOf(failed, Records) : { batchItemFailures: [] };
  };

type Chunk = { range: Range; chunk: readonly KinesisStreamRecord[]; endsAtMs: number };

/** A record whose texts are broken inside a right checksum is found when its chunk cannot be stored: it holds nobody up. F15. */
async function store(ports: DeliverPorts, { range, chunk, endsAtMs }: Chunk, pieces: readonly Piece[]): Promise<void> {
  const [first, last] = [pieces[0], pieces.at(-1)];
  if (!first || !last) return;
  // Of those that are stored: the table has no room for the number of one that was refused for its length.
  const stored = { ...range, from: first.seq, to: last.seq };
  try {
    await ports.storeOnce(stored, pieces, endsAtMs);
  } catch (error) {
    const { sound, broken } = withoutBroken(chunk, pieces, range.shard);
    if (broken.length === 0) throw error;
    await ports.reject(broken);
    await store(ports, { range, chunk, endsAtMs }, sound);
  }
}

type Failure = { range: Range; error: unknown } | undefined;

function answerOf({ range, error }: NonNullable<Failure>, records: readonly KinesisStreamRecord[]) {
  const isFirst = range.from === records[0]?.kinesis.sequenceNumber;
  if (error instanceof OutOfTime && isFirst && records.length > 1) throw error;
  return { batchItemFailures: [{ itemIdentifier: range.from }] };
}

async function attempt(range: Range, work: () => Promise<void>): Promise<Failure> {
  try {
    await work();
    return undefined;
  } catch (error) {
    log.error({ ...range, err: error }, "chunk failed");
    return { range, error };
  }
}

function* chunks(records: readonly KinesisStreamRecord[]): Generator<KinesisStreamRecord[]> {
  let chunk: KinesisStreamRecord[] = [];
  let events = 0;
  let chars = 0;
  for (const record of records) {
    // The head of a frame says how many events it holds: 8 characters of base64 are its 6 bytes.
    const own = eventsIn(Buffer.from(record.kinesis.data.slice(0, 8), "base64"));
    const full = events + own > EVENTS_PER_INSERT || chars + record.kinesis.data.length > DATA_CHARS_PER_INSERT;
    if (chunk.length > 0 && full) {
      yield chunk;
      [chunk, events, chars] = [[], 0, 0];
    }
    chunk.push(record);
    events += own;
    chars += record.kinesis.data.length;
  }
  if (chunk.length > 0) yield chunk;
}

/** The place of a chunk in its stream: from the ARN, the event id `shardId-…:seq` and the sequence numbers. */
function rangeOf(chunk: readonly KinesisStreamRecord[]): Range {
  const first = chunk[0] as KinesisStreamRecord;
  const last = chunk.at(-1) as KinesisStreamRecord;
  return {
    stream: first.eventSourceARN.split("/").at(-1) ?? "",
    shard: first.eventID.split(":")[0] ?? "",
    from: first.kinesis.sequenceNumber,
    to: last.kinesis.sequenceNumber,
  };
}
