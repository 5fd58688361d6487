import { messageOf } from "../../../functions/kit/errors.ts";

/** What was found, or why nobody answers. */
export type Found<T> = T | Away;
export type Away = { away: string };

export const isAway = (found: object): found is Away => "away" in found;

/** Never throws, and never takes longer than `limitMs`, whatever becomes of the asking: its `signal` is aborted then. */
export async function foundWithin<T extends object>(
  limitMs: number,
  ask: (signal: AbortSignal) => Promise<T>,
): Promise<Found<T>> {
  const { promise: late, resolve } = Promise.withResolvers<Away>();
  const over = new AbortController();
  const timer = setTimeout(() => {
    resolve({ away: `no answer within ${limitMs / 1_000} s` });
    over.abort();
  }, limitMs);
  try {
    return await Promise.race([ask(over.signal), late]);
  } catch (error) {
    return { away: reasonOf(error) };
  } finally {
    clearTimeout(timer);
  }
}

/** Several addresses of one name fail together, and say why one by one. */
function reasonOf(error: unknown): string {
  const causes = error instanceof AggregateError ? error.errors : [error];
  return messageOf(causes[0]).split("\n")[0] || "it does not answer";
}
