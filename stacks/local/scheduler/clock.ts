import { pause } from "../event-source/wait.ts";

/** Time as the scheduler sees it. `until` resolves at that time, or as soon as `signal` is aborted. */
export type Clock = { now: () => number; until: (atMs: number, signal: AbortSignal) => Promise<void> };

/** A timer stands still while a laptop sleeps and overflows after 24 days: look at the clock once a minute. */
const STEP_MS = 60_000;

export const realClock: Clock = {
  now: Date.now,
  until: async (atMs, signal) => {
    for (let leftMs = atMs - Date.now(); leftMs > 0 && !signal.aborted; leftMs = atMs - Date.now())
      await pause(Math.min(leftMs, STEP_MS), signal);
  },
};
