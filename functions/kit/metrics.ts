import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { noteSample, type Sample } from "./metric-line.ts";
import { createRecent } from "./recent.ts";

/**
 * Counters and histograms of this process in Prometheus' form. One registry, made once: what counts is named here and
 * nowhere else, with its unit in its name. I-24, P-26.
 */
const registry = new Registry();
const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[] = []) =>
  new Counter<Label>({ name, help, labelNames, registers: [registry] });

const requests = counter("millrace_http_requests_total", "Requests answered, by door and status.", ["door", "status"]);
const seconds = new Histogram({
  name: "millrace_http_request_seconds",
  help: "Time from a request's head to its answer.",
  labelNames: ["door"] as const,
  buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
  registers: [registry],
});
const events = counter("millrace_ingest_events_total", "Events that came, by what became of them.", [
  "outcome",
  "code",
]);
const refused = counter("millrace_ingest_refused_total", "Requests that were refused as a whole, by code.", ["code"]);
const records = counter("millrace_stream_records_total", "Records offered to the stream or the spill, by outcome.", [
  "to",
  "result",
]);
const away = counter("millrace_dependency_away_total", "Calls that went on without a dependency.", ["dependency"]);

/** What consumers count goes to the registry, and to the line that ends an invocation of a deployed one. */
const counted = <Label extends string = never>(name: string, help: string, labelNames: readonly Label[] = []) => {
  const own = counter(name, help, labelNames);
  return (value: number, labels = {} as Record<Label, string>): void => {
    if (value === 0) return;
    own.inc(labels, value);
    noteSample({ name, unit: "Count", kind: "sum", value, labels });
  };
};
const measured = <Label extends string = never>(
  name: string,
  unit: Sample["unit"],
  help: string,
  buckets: number[],
  labelNames: readonly Label[] = [],
) => {
  const own = new Histogram<Label>({ name, help, labelNames, buckets, registers: [registry] });
  return (value: number, labels = {} as Record<Label, string>): void => {
    own.observe(labels, value);
    noteSample({ name, unit, kind: "value", value, labels });
  };
};

/** From one event to the largest chunk of the writer, and beyond. */
const ROWS = [1, 10, 100, 500, 1_000, 5_000, 10_000, 20_000, 50_000, 100_000];
const BYTES = [1e3, 1e4, 1e5, 1e6, 4e6, 16e6, 64e6];
const INSERT_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** From fresh to a day behind. */
const AGE_SECONDS = [0.1, 0.25, 0.5, 1, 2, 5, 15, 60, 300, 1_800, 7_200, 86_400];

const invocationRecords = measured(
  "millrace_consumer_records",
  "Count",
  "Records, or messages of a queue, of each invocation.",
  ROWS,
  ["consumer", "shard"],
);
const invocationAge = measured(
  "millrace_consumer_oldest_seconds",
  "Seconds",
  "Age of the oldest record of each invocation when it began: how far the consumer was behind.",
  AGE_SECONDS,
  ["consumer", "shard"],
);
const invocationsFailed = counted(
  "millrace_consumer_invocations_failed_total",
  "Invocations that left some of their records for another one.",
  ["consumer"],
);
const writer = {
  stored: counted("millrace_writer_events_stored_total", "Events that an insert of this process stored."),
  there: counted("millrace_writer_events_there_total", "Events left out, their place in the stream was stored before."),
  repeated: counted("millrace_writer_events_repeated_total", "Events left out, their message id was stored before."),
  lookedUp: counted("millrace_writer_events_looked_up_total", "Events whose message id was looked up: suspects."),
  tokenAgain: counted(
    "millrace_writer_tokens_again_total",
    "Inserts that the engine took for seen and did not have, made again under another token.",
  ),
  refused: counted("millrace_writer_inserts_refused_total", "Inserts refused for the rows they held."),
  unknown: counted("millrace_writer_inserts_unknown_total", "Inserts that failed, or whose answer was lost."),
  letters: counted(
    "millrace_writer_dead_letters_total",
    "Dead letters that the writer sent to the queue, those of repeated batches included.",
    ["stage", "code"],
  ),
};
const insertRows = measured("millrace_writer_insert_rows", "Count", "Rows of each insert.", ROWS);
const insertBytes = measured("millrace_writer_insert_bytes", "Bytes", "Body of each insert.", BYTES);
const insertSeconds = measured("millrace_writer_insert_seconds", "Seconds", "Time of each insert.", INSERT_SECONDS);
const insertsLately = createRecent();
const lettersKept = counted(
  "millrace_dead_letters_kept_total",
  "Dead letters taken from the queue into the table, those delivered twice included.",
  ["stage", "code"],
);
const archived = {
  frames: counted("millrace_archive_frames_total", "Frames written to the archive."),
  events: counted("millrace_archive_events_total", "Events written to the archive."),
  bytes: counted("millrace_archive_bytes_total", "Bytes written to the archive."),
};
const republished = {
  frames: counted("millrace_republish_frames_total", "Spilled and archived frames put on the stream."),
  events: counted("millrace_republish_events_total", "Replayed events that ran through the stages again."),
};

const gauge = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) => {
  const own = new Gauge<Label>({ name, help, labelNames, registers: [registry] });
  /** What is not named any more is gone: a shard that was drained has no lag. */
  return (entries: readonly (readonly [labels: Record<Label, string>, value: number])[]): void => {
    own.reset();
    // Without labels a reset leaves a zero behind, which would be told as known.
    if (labelNames.length === 0) own.remove();
    for (const [labels, value] of entries) own.set(labels, value);
  };
};
/** What stands in no counter, and is found when somebody asks. An empty list says that nobody knows. */
const state = {
  behindRecords: gauge("millrace_consumer_behind_records", "Records read and not done with.", ["consumer", "shard"]),
  behindSeconds: gauge("millrace_consumer_behind_seconds", "Age of the oldest record not done with.", [
    "consumer",
    "shard",
  ]),
  queueMessages: gauge("millrace_queue_messages", "Messages of a queue.", ["queue", "state"]),
  eventsRows: gauge("millrace_events_rows", "Rows of the table of events.", []),
  eventsParts: gauge("millrace_events_parts", "Active parts of the table of events.", []),
  deadLetterRate: gauge(
    "millrace_dead_letter_rate",
    "Dead letters of the last hour, for each event that came in it, stored or refused.",
    ["stage", "code"],
  ),
};
const insertsRecent = gauge("millrace_writer_recent_insert_rows", "Inserts of this process lately, and their rows.", [
  "since",
  "figure",
]);

export const metrics = {
  /** One answered request; `status` is the class of its HTTP status, such as `2xx`. */
  request: (door: string, status: number, took: number): void => {
    requests.inc({ door, status: `${Math.floor(status / 100)}xx` });
    seconds.observe({ door }, took);
  },
  event: (kind: string, code: string): void => events.inc({ outcome: kind === "going" ? "accepted" : kind, code }),
  refused: (code: string): void => refused.inc({ code }),
  record: (to: "stream" | "spill", result: string): void => records.inc({ to, result }),
  away: (dependency: string): void => away.inc({ dependency }),
  /** One invocation of a consumer; `shard` is empty for a queue. */
  invocation: (
    consumer: string,
    shard: string,
    of: { records: number; oldestSeconds: number; failed: number },
  ): void => {
    const labels = shard === "" ? { consumer } : { consumer, shard };
    invocationRecords(of.records, labels as { consumer: string; shard: string });
    invocationAge(of.oldestSeconds, labels as { consumer: string; shard: string });
    if (of.failed > 0) invocationsFailed(1, { consumer });
  },
  writer: {
    ...writer,
    letters: (letters: readonly Refusal[]): void => ofEach(letters, writer.letters),
    insertBytes,
    /** One insert that was taken. */
    inserted: ({ rows, seconds }: { rows: number; seconds: number }): void => {
      insertRows(rows);
      insertSeconds(seconds);
      insertsLately.add(rows);
    },
  },
  lettersKept: (letters: readonly Refusal[]): void => ofEach(letters, lettersKept),
  archived,
  republished,
  state,
  /** The text of `/metrics`, with what the process itself uses. */
  text: async (): Promise<{ type: string; body: string }> => {
    onceDefaults();
    sayRecent();
    return { type: registry.contentType, body: await registry.metrics() };
  },
  /** The same as values, for programs of ours. */
  json: async (): Promise<MetricValues[]> => {
    onceDefaults();
    sayRecent();
    return (await registry.getMetricsAsJSON()) as MetricValues[];
  },
};
export type Metrics = typeof metrics;
export type IngestMetrics = Pick<Metrics, "event" | "refused">;
/** One metric with the value of each set of labels; a histogram's are named by `metricName`. */
export type MetricValues = {
  name: string;
  values: { value: number; labels: Record<string, string | number>; metricName?: string }[];
};

/** Why an event was refused, without whose it was: a workspace is no label. */
type Refusal = { stage: string; code: string };
const ofEach = (letters: readonly Refusal[], count: (value: number, labels: Refusal) => void): void => {
  for (const { stage, code } of letters) count(1, { stage, code });
};

function sayRecent(): void {
  const spans = { minute: 60_000, start: Number.POSITIVE_INFINITY };
  insertsRecent(
    Object.entries(spans).flatMap(([since, ms]) =>
      Object.entries(insertsLately.within(ms)).map(([figure, value]) => [{ since, figure }, value] as const),
    ),
  );
}

let hasDefaults = false;
/** Event-loop lag and memory cost a timer: only a process that is asked for its metrics pays for them. */
function onceDefaults(): void {
  if (hasDefaults) return;
  hasDefaults = true;
  collectDefaultMetrics({ register: registry });
}
