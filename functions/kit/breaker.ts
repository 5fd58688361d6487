export type BreakerSettings = { maxFailures: number; resetTimeoutMs: number };

/** `MaxFailures` and `ResetTimeout` of T-20, where the configuration names no others. */
export const BREAKER_DEFAULTS: BreakerSettings = { maxFailures: 5, resetTimeoutMs: 30_000 };

/**
 * `failures` counts those in a row; `tryAgainAt` is in milliseconds of the clock that the breaker was given. `round` grows
 * with every change of `kind`: what a call of an earlier round reports says nothing about the sink of today.
 */
export type BreakerState = { round: number } & (
  | { kind: "closed"; failures: number }
  | { kind: "open"; tryAgainAt: number }
  | { kind: "half-open" }
);

/** `open` means that the call was not made: nothing reached the sink, and before `tryAgainAt` nothing will. */
export type Attempt<T> = { kind: "done"; value: T } | { kind: "open"; tryAgainAt: number };

export type Breaker = {
  /** Makes the call, or answers `open` at once. What the call throws is counted and thrown on. The call must end: its time limit is its own. */
  run: <T>(call: () => Promise<T>) => Promise<Attempt<T>>;
  /** For the health check: open, also after `tryAgainAt`, until a call has been tried. */
  state: () => BreakerState;
};

/**
 * Guards one sink (T-20): after `maxFailures` failures in a row no call is made for `resetTimeoutMs`, then exactly one, whose
 * success closes the breaker and whose failure opens it again. An error that `isFailure` calls none (the sink refused a bad
 * row, so it is alive) counts as success. `now` must not go back.
 */
export function createBreaker(ports: {
  now: () => number;
  settings?: BreakerSettings;
  isFailure?: (error: unknown) => boolean;
}): Breaker {
  const { now, settings = BREAKER_DEFAULTS, isFailure = () => true } = ports;
  let state: BreakerState = CLOSED;

  return {
    state: () => state,
    run: async (call) => {
      const admitted = admit(state, now());
      if (admitted.kind === "open") return admitted;
      state = admitted.state;
      const { round } = state;
      const report = (failed: boolean) => {
        state = settle(state, { round, failed }, settings, now());
      };
      try {
        const value = await call();
        report(false);
        return { kind: "done", value };
      } catch (error) {
        report(isFailure(error));
        throw error;
      }
    },
  };
}

/** `failover` names the sink that takes what comes while this one is open. */
export type SinkSettings = Partial<BreakerSettings> & { failover?: string };

export type Breakers = {
  /** Calls with the name of the first sink that is not open: `sink`, else its failover, and so on; answers `open` with the soonest time when all are. */
  run: <T>(sink: string, call: (sink: string) => Promise<T>) => Promise<Attempt<T>>;
  /** Every sink's breaker, for the health check. */
  states: () => ReadonlyMap<string, BreakerState>;
};

/**
 * A breaker for each sink, and where to go while it is open (T-20). Only a call that was not made goes elsewhere: one that
 * failed may have been applied, so its error is thrown, and whoever repeats it lets the rows' ids keep them single. Throws
 * when a failover names no sink.
 */
export function createBreakers(
  sinks: Readonly<Record<string, SinkSettings>>,
  ports: { now: () => number; isFailure?: (error: unknown) => boolean },
): Breakers {
  const known = new Map(
    Object.entries(sinks).map(([name, { failover, ...settings }]) => {
      if (failover !== undefined && !Object.hasOwn(sinks, failover)) throw new Error(`no sink is called "${failover}"`);
      return [name, { failover, ...createBreaker({ ...ports, settings: { ...BREAKER_DEFAULTS, ...settings } }) }];
    }),
  );

  return {
    states: () => new Map([...known].map(([name, breaker]) => [name, breaker.state()])),
    run: async (sink, call) => {
      const asked = new Set<string>();
      let tryAgainAt = Number.POSITIVE_INFINITY;
      let next: string | undefined = sink;
      while (next !== undefined && !asked.has(next)) {
        const name: string = next;
        const guard = known.get(name);
        if (!guard) throw new Error(`no sink is called "${name}"`);
        const attempt = await guard.run(() => call(name));
        if (attempt.kind === "done") return attempt;
        tryAgainAt = Math.min(tryAgainAt, attempt.tryAgainAt);
        asked.add(name);
        next = guard.failover;
      }
      return { kind: "open", tryAgainAt };
    },
  };
}

/** As every breaker begins. */
export const CLOSED: BreakerState = { kind: "closed", round: 0, failures: 0 };

/** Whoever meets a call under way in a half-open breaker asks again after this: its verdict mostly comes within a second. */
const PROBE_MS = 1_000;

/** May a call be made now? The state after it, or when to ask again; pure. Half open, it has given its one call away. */
export function admit(
  state: BreakerState,
  now: number,
): { kind: "go"; state: BreakerState } | { kind: "open"; tryAgainAt: number } {
  switch (state.kind) {
    case "closed":
      return { kind: "go", state };
    case "open":
      if (now < state.tryAgainAt) return { kind: "open", tryAgainAt: state.tryAgainAt };
      return { kind: "go", state: { kind: "half-open", round: state.round + 1 } };
    case "half-open":
      return { kind: "open", tryAgainAt: now + PROBE_MS };
  }
}

/** The state after the verdict of a call that was let through in `round`; pure. Verdicts of earlier rounds change nothing. */
export function settle(
  state: BreakerState,
  { round, failed }: { round: number; failed: boolean },
  { maxFailures, resetTimeoutMs }: BreakerSettings,
  now: number,
): BreakerState {
  if (round !== state.round) return state;
  if (!failed) return { kind: "closed", round: state.kind === "closed" ? round : round + 1, failures: 0 };
  const failures = state.kind === "closed" ? state.failures + 1 : maxFailures;
  if (failures < maxFailures) return { kind: "closed", round, failures };
  return { kind: "open", round: round + 1, tryAgainAt: now + resetTimeoutMs };
}
