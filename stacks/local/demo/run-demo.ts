import { messageOf } from "../../../functions/kit/errors.ts";
import { type Batch, batchesOf } from "./batches.ts";
import { CONNECTIONS, createSend, type Keys, type Verdict } from "./send.ts";
import { DEMO_TYPES, type DemoType, timeline } from "./timeline.ts";

export type DemoOptions = {
  /** Address of the ingest door, such as http://127.0.0.1:3049. */
  ingestUrl: string;
  events: number;
  days: number;
  seed: string;
  /** When the demo's last day ends, milliseconds UTC; not in the future. */
  now: number;
  progress?: (progress: Progress) => void;
  /** The write key of each source of the shop; the local one for those not given. */
  keys?: Partial<Keys>;
  /** Ends the run after what is under way. */
  signal?: AbortSignal;
};
/** `settled` events have their verdict; `waiting` says why nothing goes on right now. */
export type Progress = { settled: number; total: number; waiting?: string };

/** What became of the events that were sent. A taken event is in the table, by this run or an earlier one. */
export type DemoResult = {
  settled: number;
  accepted: number;
  duplicates: number;
  refused: number;
  byType: Record<DemoType, { taken: number; refused: number }>;
  byCode: Record<string, number>;
  requests: number;
  repeats: number;
  seconds: number;
};

/** The run ended before every event had its verdict; `result` is what had one. The same plan sent again is safe. */
export class DemoStopped extends Error {
  override readonly name = "DemoStopped";
  readonly result: DemoResult;
  constructor(message: string, result: DemoResult, cause: unknown) {
    super(message, { cause });
    this.result = result;
  }
}

export const LOCAL_KEYS: Keys = { web: "wk_local", app: "wk_local", server: "wk_local" };

/**
 * Sends a shop's traffic through the ingest door, as fast as the door takes it. Resolves when every event has its
 * verdict. Throws DemoStopped for an outage that lasts, an answer that no retry helps, or `signal`.
 */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const { events: total, progress = () => {}, signal } = options;
  const started = performance.now();
  const result = emptyResult();
  const stop = new AbortController();
  const ending = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  const send = createSend({
    ingestUrl: options.ingestUrl,
    keys: { ...LOCAL_KEYS, ...options.keys },
    clock: Date.now,
    signal: ending,
    onWait: (why, waitMs) => {
      result.repeats++;
      progress({
        settled: result.settled,
        total,
        waiting: `${why.replace(/\.$/, "")}; sent again in ${(waitMs / 1_000).toFixed(1)} s`,
      });
    },
  });
  const batches = batchesOf(timeline(options));
  const connection = async () => {
    for (let next = batches.next(); !next.done && !ending.aborted; next = batches.next()) {
      count(result, next.value, await send(next.value));
      progress({ settled: result.settled, total });
    }
  };
  const failures: unknown[] = [];
  const guarded = () =>
    connection().catch((error) => {
      failures.push(error);
      stop.abort();
    });
  await Promise.all(Array.from({ length: CONNECTIONS }, guarded));
  result.seconds = (performance.now() - started) / 1_000;
  if (result.settled === total) return result;
  throw new DemoStopped(signal?.aborted ? "Stopped." : messageOf(failures[0]), result, failures[0]);
}

export function emptyResult(): DemoResult {
  const byType = Object.fromEntries(DEMO_TYPES.map((type) => [type, { taken: 0, refused: 0 }]));
  const nothing = { settled: 0, accepted: 0, duplicates: 0, refused: 0, requests: 0, repeats: 0, seconds: 0 };
  return { ...nothing, byType: byType as DemoResult["byType"], byCode: {} };
}

function count(result: DemoResult, { types }: Batch, { accepted, duplicates, rejected }: Verdict): void {
  result.requests++;
  result.settled += types.length;
  result.accepted += accepted;
  result.duplicates += duplicates;
  result.refused += rejected.length;
  for (const type of types) result.byType[type].taken++;
  for (const { index, code } of rejected) {
    const type = types[index] ?? "other";
    result.byType[type].taken--;
    result.byType[type].refused++;
    result.byCode[code] = (result.byCode[code] ?? 0) + 1;
  }
}
