/** Waits, but not on when `signal` is aborted: then it resolves at once. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = () => {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
    resolve();
  };
  const timer = setTimeout(end, ms);
  signal.addEventListener("abort", end);
  return promise;
}

/**
 * How long to wait after the `failures`th failure in a row: doubled from 100 ms up to `maxMs`, less up to a quarter at
 * random, so that whatever was down is neither hammered nor met by all shards at once.
 */
export function backoffMs(failures: number, maxMs: number): number {
  const full = Math.min(maxMs, 100 * 2 ** Math.min(failures - 1, 20));
  return Math.round(full * (1 - Math.random() / 4));
}

/** Something that changes; whoever waits is woken by the next change. */
export function createChange(): { wait: () => Promise<void>; announce: () => void } {
  let next = Promise.withResolvers<void>();
  return {
    wait: () => next.promise,
    announce: () => {
      next.resolve();
      next = Promise.withResolvers();
    },
  };
}
