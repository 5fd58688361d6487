import type { WriterState } from "../../../functions/stores/clickhouse/writer-state.ts";

/** Dead letters of the last hour for one reason; `rate` is their share, 0 to 1, of the events that came in it. */
export type DeadLetterRate = WriterState["letters"][number] & { rate: number };

/** What came in an hour is what was stored and what was refused. A record that cannot be read is one letter and counts as one event. */
export function deadLetterRates({
  rowsLastHour,
  letters,
}: Pick<WriterState, "rowsLastHour" | "letters">): DeadLetterRate[] {
  const refused = letters.reduce((sum, { letters: own }) => sum + own, 0);
  return letters.map((one) => ({ ...one, rate: one.letters / (rowsLastHour + refused) }));
}
