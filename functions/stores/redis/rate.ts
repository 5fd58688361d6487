import type { Rate } from "../../ingest/ports.ts";
import type { Source } from "../../registry/source.ts";

/** A window is 5 s in slots of 100 ms: a request counts in it for 4.9 to 5 s. I-07, decision 13e; also in `admit.lua`. */
export const SLOT_MS = 100;
export const SLOTS = 50;

/** What a request met: whether its rate has room, what is left in the window, and ms until it has room, or is empty. */
export type RateAnswer = { limited: "requests" | "events" | undefined; left: number; resetMs: number };

const DAY_MS = 86_400_000;
const WINDOW_SECONDS = (SLOT_MS * SLOTS) / 1_000;

/** Whose requests are counted together: a workspace's, or a source's where it has limits of its own. */
export const scopeOf = ({ id, workspaceId, limits }: Source): string => (limits.own ? id : workspaceId);

/** A source without limits costs no rate keys. */
export const isLimited = ({ limits }: Source): boolean =>
  limits.windowRequestsMax !== null || limits.dayEventsMax !== null;

/**
 * The rate as its sender is told it: of the limit that was met, else of the window. `resetSeconds` is until there is
 * room again where a limit was met, else until the window is empty; whole seconds, at least 1.
 */
export function rateOf({ limits }: Source, { limited, left, resetMs }: RateAnswer, nowMs: number): Rate | undefined {
  if (limited === "events")
    return {
      limit: limits.dayEventsMax ?? 0,
      remaining: 0,
      resetSeconds: seconds(DAY_MS - (nowMs % DAY_MS)),
      windowSeconds: DAY_MS / 1_000,
    };
  if (limits.windowRequestsMax === null) return undefined;
  return {
    limit: limits.windowRequestsMax,
    remaining: left,
    resetSeconds: seconds(resetMs),
    windowSeconds: WINDOW_SECONDS,
  };
}

const seconds = (ms: number): number => Math.max(1, Math.ceil(ms / 1_000));
