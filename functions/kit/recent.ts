/** How many of some figures there were, and their median and maximum; zeros where there were none. */
export type Figures = { count: number; median: number; max: number };

const KEPT_MAX = 10_000;

/** Keeps the newest figures, for whoever wants to know how it was lately. `within` looks back so many milliseconds. */
export function createRecent(now: () => number = Date.now) {
  let kept: { atMs: number; value: number }[] = [];
  return {
    add: (value: number): void => {
      kept.push({ atMs: now(), value });
      // Cut rarely, and by half: an insert a millisecond costs no more than a push.
      if (kept.length > 2 * KEPT_MAX) kept = kept.slice(-KEPT_MAX);
    },
    within: (ms: number): Figures => {
      const since = now() - ms;
      const values = kept.filter(({ atMs }) => atMs >= since).map(({ value }) => value);
      values.sort((a, b) => a - b);
      return { count: values.length, median: values[(values.length - 1) >> 1] ?? 0, max: values.at(-1) ?? 0 };
    },
  };
}
