import type { WriterState } from "../../../functions/stores/clickhouse/writer-state.ts";
import type { ShardLag } from "./lag.ts";

/** What `npm run status` has found. A queue's `waiting` are messages nobody has, `inFlight` those that somebody works on. */
export type Status = {
  consumers: { name: string; shards: ShardLag[] }[];
  queues: { name: string; waiting: number; inFlight: number }[];
  writer: WriterState;
};

/** The status for a person's eyes. `nowMs` is when it was found. */
export function pageOf({ consumers, queues, writer }: Status, nowMs: number): string {
  const newest = writer.newestMs === 0 ? "none in the last day" : `${ago(nowMs - writer.newestMs)} ago`;
  const lags = consumers.flatMap(({ name, shards }) =>
    shards.map(({ shard, records, more, seconds }) =>
      row(name, shard, `${number(records)}${more ? " or more" : ""} behind`, records === 0 ? "" : ago(seconds * 1_000)),
    ),
  );
  const waits = queues.map(({ name, waiting, inFlight }) =>
    row("queue", name, `${number(waiting)} waiting`, inFlight > 0 ? `${number(inFlight)} in flight` : ""),
  );
  const refused =
    writer.letters.length === 0
      ? [row("refused", "last hour", "none", "")]
      : writer.letters.map(({ stage, code, letters }) =>
          row("refused", "last hour", number(letters), `${code} at ${stage}`),
        );
  return [
    row("table", "events", `${number(writer.rows)} rows`, `${number(writer.parts)} parts, newest ${newest}`),
    row("", "last minute", `${number(writer.rowsLastMinute)} rows`, ""),
    row("", "last 15 minutes", `${number(writer.suspectsNoted)} suspects`, "looked up before they were stored"),
    ...lags,
    ...waits,
    ...refused,
  ].join("\n");
}

const row = (what: string, which: string, figure: string, more: string) =>
  `  ${what.padEnd(10)}${which.padEnd(24)}${figure.padStart(20)}   ${more}`.trimEnd();
const number = (value: number) => value.toLocaleString("en-US");

function ago(ms: number): string {
  const seconds = Math.max(0, ms) / 1_000;
  if (seconds < 90) return `${seconds.toFixed(1)} s`;
  return seconds < 5_400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3_600)} h`;
}
