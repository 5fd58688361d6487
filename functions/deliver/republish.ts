import { markSuspect } from "../event/frame.ts";
import type { ReplayedEvent, Retry, SpilledFrame } from "../event/retry.ts";
import type { Put, PutFrames } from "../ingest/publish.ts";
import { eachAtOnce } from "../kit/at-once.ts";
import { messageOf } from "../kit/errors.ts";
import { log } from "../kit/log.ts";
import { ANSWER_MS, answer } from "./answer.ts";
import type { QueueHandler } from "./dead-letter.ts";

export type RepublishPorts = {
  /** The frames and events of one message. Rejects when it cannot be read. */
  readRetries: (body: string) => Promise<Retry[]>;
  putFrames: PutFrames;
  /** Runs an event through the stages again; rejects when it must be tried again. */
  replay: (event: ReplayedEvent) => Promise<unknown>;
  wait: (ms: number) => Promise<void>;
};

/** PutRecords takes 500 records and 5 MiB. */
const CALL_RECORDS_MAX = 500;
const CALL_BYTES_MAX = 4 * 1_024 * 1_024;
/** Each waits for the cache and the stream; their calls are grouped. */
const REPLAYS_AT_ONCE = 50;
/**
 * How often an event is tried in one invocation. A message is given up after some deliveries, and all of its events must
 * succeed in one of them: without it a few failures in a hundred calls would end a message of some dozen events.
 */
const REPLAY_TRIES = 4;

type Work<T> = { sqsId: string; retry: T };

/**
 * SQS `retry` → stream. A frame goes as it is, marked suspect, since it or its events may be there already; an event
 * runs through the stages. What is not taken while the invocation lasts returns with its message: a message that is
 * delivered twice stores nothing twice. I-15, I-17; F38.
 */
export const createRepublish =
  (ports: RepublishPorts): QueueHandler =>
  async ({ Records }, context) => {
    const failed = new Set<string>();
    const fail = ({ sqsId }: { sqsId: string }, error: unknown): void => {
      log.error({ sqs_message_id: sqsId, error: messageOf(error) }, "retry failed, it comes again");
      failed.add(sqsId);
    };
    const frames: Work<SpilledFrame>[] = [];
    const events: Work<ReplayedEvent>[] = [];
    for (const { messageId: sqsId, body } of Records) {
      try {
        for (const retry of await ports.readRetries(body)) {
          if (retry.kind === "frame") frames.push({ sqsId, retry });
          else events.push({ sqsId, retry });
        }
      } catch (error) {
        fail({ sqsId }, error);
      }
    }
    const isOver = () => context.getRemainingTimeInMillis() < ANSWER_MS;
    const [lost] = await Promise.all([putAll(ports, frames, isOver), replayAll(ports, events, isOver, fail)]);
    for (const work of lost) fail(work, new Error("the stream did not take the frame"));
    return answer(failed);
  };

/** Puts each frame until it is stored or the time is up: what is left then. */
async function putAll(
  { putFrames, wait }: RepublishPorts,
  frames: readonly Work<SpilledFrame>[],
  isOver: () => boolean,
): Promise<Work<SpilledFrame>[]> {
  let open = frames.map((work) => {
    markSuspect(work.retry.record);
    return work;
  });
  for (let attempt = 0; open.length > 0 && !isOver(); attempt++) {
    const call = nextCall(open);
    const results = await putFrames(call.map(({ retry }) => putOf(retry)));
    const stored = new Set(call.filter((_, index) => results[index] === "stored"));
    open = open.filter((work) => !stored.has(work));
    if (stored.size === call.length) attempt = -1;
    else await wait(backoffMs(attempt));
  }
  return open;
}

const backoffMs = (attempt: number): number => Math.min(100 * 2 ** attempt, 2_000) * (0.5 + Math.random() / 2);

const putOf = ({ partitionKey, explicitHashKey, record }: SpilledFrame): Put => ({
  partitionKey,
  ...(explicitHashKey !== undefined && { explicitHashKey }),
  record,
});

/** Frames of one call: of each partition key one, the oldest, since a call keeps no order. F2. */
function nextCall(open: readonly Work<SpilledFrame>[]): Work<SpilledFrame>[] {
  const call = new Map<string, Work<SpilledFrame>>();
  let bytes = 0;
  for (const work of open) {
    const { partitionKey, record } = work.retry;
    if (call.has(partitionKey)) continue;
    if (call.size === CALL_RECORDS_MAX || (call.size > 0 && bytes + record.length > CALL_BYTES_MAX)) break;
    call.set(partitionKey, work);
    bytes += record.length;
  }
  return [...call.values()];
}

/** Some at a time; an event that fails holds up no other, and is tried again behind them. */
async function replayAll(
  { replay, wait }: RepublishPorts,
  events: readonly Work<ReplayedEvent>[],
  isOver: () => boolean,
  fail: (work: Work<ReplayedEvent>, error: unknown) => void,
): Promise<void> {
  let open = events;
  for (let attempt = 0; open.length > 0; attempt++) {
    const again: Work<ReplayedEvent>[] = [];
    await eachAtOnce(open, REPLAYS_AT_ONCE, async (work) => {
      if (isOver()) return fail(work, new Error("the invocation's time is over"));
      await replay(work.retry).catch((error: unknown) => {
        if (attempt + 1 < REPLAY_TRIES) again.push(work);
        else fail(work, error);
      });
    });
    open = again;
    if (open.length > 0) await wait(backoffMs(attempt));
  }
}
