/** The middle of several measurements, and how far they lay apart. */
export type Spread = { median: number; low: number; high: number };

/** Median, lowest and highest; of an even count the median is the mean of the two in the middle. Throws without values. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const low = sorted[0];
  const high = sorted.at(-1);
  if (low === undefined || high === undefined) throw new Error("no measurement to summarise");
  return { median: quantile(sorted, 0.5), low, high };
}

/**
 * Ours over the reference, round by round: what slowed the machine in one round slowed both, so a ratio within a round
 * says more than a ratio of medians. Both lists come from the same rounds, in order.
 */
export function ratioOf(ours: readonly number[], reference: readonly number[]): Spread {
  if (ours.length !== reference.length) throw new Error("a ratio needs a reference for every round");
  return spreadOf(ours.map((value, round) => value / (reference[round] ?? Number.NaN)));
}

/** The value below which `share` (0 to 1) of all lie, linear between neighbours. `sorted` ascends and is not empty. */
export function quantile(sorted: readonly number[], share: number): number {
  const at = (sorted.length - 1) * share;
  const below = sorted[Math.floor(at)] ?? Number.NaN;
  const above = sorted[Math.ceil(at)] ?? Number.NaN;
  return below + (above - below) * (at - Math.floor(at));
}
