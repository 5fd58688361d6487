import type { MetricValues } from "../../../functions/kit/metrics.ts";

/** What the workers counted since they began. */
export type WorkerFigures = {
  /** Sizes in rows of the inserts of the last minute; where there was none, of those since the workers began. */
  inserts: { since: "minute" | "start"; count: number; median: number; max: number };
  events: { stored: number; there: number; repeated: number; lookedUp: number };
  /** Inserts that did not go as they should: refused for their rows, without a known outcome, made again under another token. */
  troubled: { refused: number; unknown: number; again: number };
  lettersKept: number;
  archived: { frames: number; events: number; bytes: number };
  republished: { frames: number; events: number };
};

/** Reads `/metrics` of the workers. */
export function workerFigures(metrics: readonly MetricValues[]): WorkerFigures {
  const valuesOf = (name: string) => metrics.find((metric) => metric.name === `millrace_${name}`)?.values ?? [];
  const total = (name: string) => valuesOf(`${name}_total`).reduce((sum, { value }) => sum + value, 0);
  const recent = (since: "minute" | "start") => {
    const figure = (name: string) =>
      valuesOf("writer_recent_insert_rows").find(({ labels }) => labels.since === since && labels.figure === name)
        ?.value;
    return { since, count: figure("count") ?? 0, median: figure("median") ?? 0, max: figure("max") ?? 0 };
  };
  const lately = recent("minute");
  const writer = (name: string) => total(`writer_${name}`);
  return {
    inserts: lately.count > 0 ? lately : recent("start"),
    events: {
      stored: writer("events_stored"),
      there: writer("events_there"),
      repeated: writer("events_repeated"),
      lookedUp: writer("events_looked_up"),
    },
    troubled: {
      refused: writer("inserts_refused"),
      unknown: writer("inserts_unknown"),
      again: writer("tokens_again"),
    },
    lettersKept: total("dead_letters_kept"),
    archived: { frames: total("archive_frames"), events: total("archive_events"), bytes: total("archive_bytes") },
    republished: { frames: total("republish_frames"), events: total("republish_events") },
  };
}
