import { type RateLimits, TIERS, type Tier } from "../../registry/source.ts";
import type { OwnLimits } from "../../registry/source-settings.ts";

/** What a workspace may send: its own limits, else its tier's. I-07. */
export const workspaceLimits = (tier: Tier, own: OwnLimits | null): RateLimits => (own ? read(own) : TIERS[tier]);

/** A source's limits: its own, but never above its workspace's, whatever that was lowered to since. */
export function sourceLimits(workspace: RateLimits, own: OwnLimits | null): RateLimits & { own: boolean } {
  if (!own) return { windowRequestsMax: workspace.windowRequestsMax, dayEventsMax: workspace.dayEventsMax, own: false };
  const { windowRequestsMax, dayEventsMax } = read(own);
  return {
    windowRequestsMax: lower(windowRequestsMax, workspace.windowRequestsMax),
    dayEventsMax: lower(dayEventsMax, workspace.dayEventsMax),
    own: true,
  };
}

const read = ({ window_requests_max, day_events_max }: OwnLimits): RateLimits => ({
  windowRequestsMax: window_requests_max,
  dayEventsMax: day_events_max,
});

/** The lower of two limits; null is none. */
const lower = (a: number | null, b: number | null): number | null => (a === null ? b : b === null ? a : Math.min(a, b));
