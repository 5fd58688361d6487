import type { CheckedEvent } from "../event/event.ts";
import { type EncodedEvent, encodeEvent, encodeFrame, FRAME_CHARS_MAX, markSuspect } from "../event/frame.ts";
import { type OrderKey, orderKeyOf } from "../event/order-key.ts";

/** A record on its way, and where it goes. */
export type Put = OrderKey & { record: Buffer };

/**
 * What became of a record: `stored` durably, `refused` for certain (nothing was written), or `unknown` (the answer was
 * lost: it may be there).
 */
export type PutResult = "stored" | "refused" | "unknown";

/** One attempt, results in the order of `puts`, of which no two share a partition key. Never throws. */
export type PutFrames = (puts: readonly Put[]) => Promise<PutResult[]>;

/** Resolves, in the order of `events`, once each is decided. Never throws for what the stream does, only for a fault of ours. */
export type Publish = (workspaceId: string, events: readonly CheckedEvent[]) => Promise<PutResult[]>;

export type PublishPorts = {
  putFrames: PutFrames;
  /** Where a record goes that the stream did not take in time: a queue, from which it comes back to the stream. Never throws. */
  spill: PutFrames;
  now: () => number;
  wait: (ms: number) => Promise<void>;
  orderBuckets: number;
  /** No new attempt starts later than this after an event came, but for one after a lost answer. */
  budgetMs: number;
};

/** PutRecords takes 500 records and 5 MiB; characters count as up to 3 bytes, but nothing real is that incompressible. */
const CALL_RECORDS_MAX = 500;
const CALL_CHARS_MAX = 1_500_000;
/** What may wait behind a stream that does not answer; beyond it calls are refused at once, so memory stays bounded. */
const WAITING_CHARS_MAX = 64_000_000;

/**
 * Group commit: one call is in flight at a time; what comes meanwhile waits and goes together in the next one, events of
 * one partition key in one frame, without a timer. Only failed records are tried again, before later ones of their key, so
 * that order per key holds; one whose outcome is unknown goes again as suspect. What the stream has not taken within the
 * budget spills to the queue. Decisions 4, 7, 15a; F1, F2, F4.
 */
export function createPublish(ports: PublishPorts): Publish {
  const lanes = new Map<string, Lane>();
  let waitingChars = 0;
  let running = false;

  const run = async () => {
    running = true;
    // Calls that were parsed in the same turn of the event loop go together.
    await Promise.resolve();
    while (lanes.size > 0) {
      const group = takeGroup(lanes);
      for (const frame of group) waitingChars -= charsIn(frame.waiting);
      // A port that throws is a fault: it goes to the requests that met it, and the next call is made all the same.
      await commit(ports, group).catch((error: unknown) => fail(group, error));
    }
    running = false;
  };

  return (workspaceId, events) =>
    new Promise((resolve, fail) => {
      const results: PutResult[] = new Array(events.length).fill("refused");
      let open = events.length;
      if (open === 0 || waitingChars > WAITING_CHARS_MAX) return resolve(results);
      const since = ports.now();
      events.forEach((event, index) => {
        const key = orderKeyOf(workspaceId, event, ports.orderBuckets);
        const encoded = encodeEvent(event);
        waitingChars += encoded.chars;
        laneOf(lanes, workspaceId, key).waiting.push({
          encoded,
          since,
          decide: (result) => {
            results[index] = result;
            if (--open === 0) resolve(results);
          },
          fail,
        });
      });
      if (!running) void run();
    });
}

/** What waits for its turn under one partition key, oldest first. */
type Lane = { workspaceId: string; key: OrderKey; waiting: Waiting[] };
type Waiting = {
  encoded: EncodedEvent;
  since: number;
  decide: (result: PutResult) => void;
  fail: (error: unknown) => void;
};

/** A record in flight. `outcome` is what to say when the budget ends: once unknown, always unknown. */
type InFlight = Put & { waiting: Waiting[]; outcome: PutResult };

function laneOf(lanes: Map<string, Lane>, workspaceId: string, key: OrderKey): Lane {
  const known = lanes.get(key.partitionKey);
  if (known) return known;
  const lane = { workspaceId, key, waiting: [] };
  lanes.set(key.partitionKey, lane);
  return lane;
}

const charsIn = (waiting: readonly Waiting[]) => waiting.reduce((sum, { encoded }) => sum + encoded.chars, 0);

/** The next call: from each lane one frame of what it may hold. A lane that keeps something goes behind the others. */
function takeGroup(lanes: Map<string, Lane>): Lane[] {
  const group: Lane[] = [];
  let chars = 0;
  for (const [name, lane] of [...lanes]) {
    if (group.length === CALL_RECORDS_MAX || chars >= CALL_CHARS_MAX) break;
    const waiting = takeWaiting(lane.waiting);
    lanes.delete(name);
    if (lane.waiting.length > 0) lanes.set(name, lane);
    chars += charsIn(waiting);
    group.push({ ...lane, waiting });
  }
  return group;
}

function takeWaiting(waiting: Waiting[]): Waiting[] {
  let count = 0;
  let chars = 0;
  for (const { encoded } of waiting) {
    if (count > 0 && chars + encoded.chars > FRAME_CHARS_MAX) break;
    chars += encoded.chars;
    count++;
  }
  return waiting.splice(0, count);
}

/** Puts the records of one call until each is stored or its time is up. */
async function commit(ports: PublishPorts, group: readonly Lane[]): Promise<void> {
  let open = group.map(toFrame);
  const late: InFlight[] = [];
  for (let attempt = 0; open.length > 0; attempt++) {
    const results = await ports.putFrames(open);
    const failed = open.filter((frame, index) => {
      const result = results[index] ?? "unknown";
      if (result === "unknown") {
        frame.outcome = "unknown";
        markSuspect(frame.record);
      }
      if (result === "stored") decide(frame, "stored");
      return result !== "stored";
    });
    const pauseMs = backOffMs(attempt);
    const next = ports.now() + pauseMs;
    open = failed.filter((frame) => {
      // An answer that was lost gets a second attempt whatever the time: mostly it is a kept connection that had died (F22).
      const inTime =
        next - (frame.waiting[0]?.since ?? 0) <= ports.budgetMs || (attempt === 0 && frame.outcome === "unknown");
      if (!inTime) late.push(frame);
      return inTime;
    });
    if (open.length > 0) await ports.wait(pauseMs);
  }
  if (late.length > 0) await spill(ports, late);
}

/** The way out past the budget. What the queue took is stored; it comes back behind later events, so it is suspect. */
async function spill(ports: PublishPorts, late: readonly InFlight[]): Promise<void> {
  for (const { record } of late) markSuspect(record);
  const results = await ports.spill(late);
  late.forEach((frame, index) => {
    const result = results[index] ?? "unknown";
    // Only what both refused for certain is nowhere.
    decide(frame, result === "refused" ? frame.outcome : result);
  });
}

function toFrame({ workspaceId, key, waiting }: Lane): InFlight {
  const record = encodeFrame(
    workspaceId,
    waiting.map(({ encoded }) => encoded),
  );
  return { ...key, record, waiting, outcome: "refused" };
}

const fail = (group: readonly Lane[], error: unknown) => {
  for (const { waiting } of group) for (const each of waiting) each.fail(error);
};

const decide = ({ waiting }: InFlight, result: PutResult) => {
  for (const each of waiting) each.decide(result);
};

/** 20, 40, 80 … 200 ms, with jitter, so that isolates that were throttled together do not come back together. */
const backOffMs = (attempt: number) => Math.min(20 * 2 ** attempt, 200) * (0.5 + Math.random() / 2);
