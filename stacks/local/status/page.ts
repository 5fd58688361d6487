import type { WriterState } from "../../../functions/stores/clickhouse/writer-state.ts";
import { deadLetterRates } from "./dead-letter-rate.ts";
import { type Found, isAway } from "./found.ts";
import type { ShardLag } from "./lag.ts";
import type { QueueDepth } from "./queue-depths.ts";
import type { WorkerFigures } from "./worker-figures.ts";

export type ConsumerLag = { name: string; shards: ShardLag[] };

/** What `npm run status` has found, each part by itself: of an engine that is away it says so. */
export type Status = {
  consumers: Found<ConsumerLag[]>;
  queues: Found<QueueDepth[]>;
  writer: Found<WriterState>;
  workers: Found<WorkerFigures>;
};

/** The status for a person's eyes. `nowMs` is when it was found. */
export function pageOf({ consumers, queues, writer, workers }: Status, nowMs: number): string {
  return [
    ...part("table", "events", writer, (state) => tableRows(state, nowMs)),
    ...part("workers", "", workers, workerRows),
    ...part("stream", "", consumers, lagRows),
    ...part("queues", "", queues, queueRows),
    ...part("refused", "last hour", writer, refusedRows),
  ].join("\n");
}

const part = <T extends object>(
  what: string,
  which: string,
  found: Found<T>,
  rows: (found: T) => string[],
): string[] => (isAway(found) ? [row(what, which, "unknown", `does not answer: ${found.away}`)] : rows(found));

function tableRows({ rows, parts, rowsLastMinute, newestMs, suspectsNoted }: WriterState, nowMs: number): string[] {
  const newest = newestMs === 0 ? "none in the last day" : `${ago(nowMs - newestMs)} ago`;
  return [
    row("table", "events", `${number(rows)} rows`, `${number(parts)} parts, newest ${newest}`),
    row("", "last minute", `${number(rowsLastMinute)} rows`, ""),
    row("", "last 15 minutes", `${number(suspectsNoted)} suspects`, "looked up before they were stored"),
  ];
}

function workerRows({ inserts, events, troubled }: WorkerFigures): string[] {
  const { refused, unknown, again } = troubled;
  const troubles = [
    ...(refused > 0 ? [`${number(refused)} refused for their rows`] : []),
    ...(unknown > 0 ? [`${number(unknown)} without an answer`] : []),
    ...(again > 0 ? [`${number(again)} made again`] : []),
  ];
  return [
    row(
      "inserts",
      inserts.since === "minute" ? "last minute" : "since workers began",
      number(inserts.count),
      inserts.count === 0 ? "" : `${number(inserts.median)} rows in the median, ${number(inserts.max)} at most`,
    ),
    ...(troubles.length > 0 ? [row("", "since workers began", "", troubles.join(", "))] : []),
    row("dedup", "since workers began", `${number(events.there)} by position`, `of ${number(events.stored)} stored`),
    row("", "", `${number(events.repeated)} by message id`, `of ${number(events.lookedUp)} looked up`),
  ];
}

const lagRows = (consumers: ConsumerLag[]): string[] =>
  consumers.flatMap(({ name, shards }) =>
    shards.map(({ shard, records, more, seconds }) =>
      row(name, shard, `${number(records)}${more ? " or more" : ""} behind`, records === 0 ? "" : ago(seconds * 1_000)),
    ),
  );

const queueRows = (queues: QueueDepth[]): string[] =>
  queues.map(({ name, waiting, inFlight }) =>
    row("queue", name, `${number(waiting)} waiting`, inFlight > 0 ? `${number(inFlight)} in flight` : ""),
  );

function refusedRows(state: WriterState): string[] {
  const rates = deadLetterRates(state);
  if (rates.length === 0) return [row("refused", "last hour", "none", `of ${number(state.rowsLastHour)} events`)];
  const [letters, rate] = [sum(rates.map((one) => one.letters)), sum(rates.map((one) => one.rate))];
  return [
    row("refused", "last hour", number(letters), `${percent(rate)} of ${number(state.rowsLastHour + letters)} events`),
    ...rates.map((one) => row("", "", number(one.letters), `${percent(one.rate)} ${one.code} at ${one.stage}`)),
  ];
}

const row = (what: string, which: string, figure: string, more: string) =>
  `  ${what.padEnd(10)}${which.padEnd(24)}${figure.padStart(20)}   ${more}`.trimEnd();
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const number = (value: number) => value.toLocaleString("en-US");
const percent = (share: number) =>
  share > 0 && share < 0.0001 ? "< 0.01 %" : `${(share * 100).toLocaleString("en-US", { maximumFractionDigits: 2 })} %`;

function ago(ms: number): string {
  const seconds = Math.max(0, ms) / 1_000;
  if (seconds < 90) return `${seconds.toFixed(1)} s`;
  return seconds < 5_400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3_600)} h`;
}
