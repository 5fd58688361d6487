const EARLIEST_MS = Date.UTC(2000, 0, 1);
/** A DateTime64 ends in 2299: what was received later was received by a broken clock. */
const LATEST_MS = Date.UTC(2200, 0, 1);
const DAY_MS = 24 * 60 * 60 * 1_000;

/** Whether an event that came at `receivedAt` can have happened at `timestamp`, milliseconds UTC. Decision 13d. */
export const isSaneTime = (timestamp: number, receivedAt: number): boolean =>
  timestamp >= EARLIEST_MS && timestamp <= receivedAt + DAY_MS && receivedAt <= LATEST_MS;
