import { Counter, collectDefaultMetrics, Histogram, Registry } from "prom-client";

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
  /** The text of `/metrics`, with what the process itself uses. */
  text: async (): Promise<{ type: string; body: string }> => {
    onceDefaults();
    return { type: registry.contentType, body: await registry.metrics() };
  },
};
export type Metrics = typeof metrics;
export type IngestMetrics = Pick<Metrics, "event" | "refused">;

let hasDefaults = false;
/** Event-loop lag and memory cost a timer: only a process that is asked for its metrics pays for them. */
function onceDefaults(): void {
  if (hasDefaults) return;
  hasDefaults = true;
  collectDefaultMetrics({ register: registry });
}
