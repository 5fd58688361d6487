import type { Bucket } from "./admit.ts";
import { CLAIM_SECONDS } from "./epoch.ts";
import type { Grouped } from "./grouped.ts";
import { runScript } from "./run-script.ts";
import { SETTLE } from "./scripts.ts";
import { createWarnAway } from "./warn-away.ts";

/** `confirm`: ids that are stored, duplicates from now on. `release`: definitely refused, free again where still ours. */
export type Settled = { confirm: readonly string[]; release: readonly string[] };
export type SettleClaims = (workspaceId: string, requestId: string, ids: Settled, bucket?: Bucket) => Promise<void>;

/** Ends a request's claims in one trip, none when there is nothing to say. Never throws: a claim left pending lets a retry through as suspect. */
export function createSettleClaims({ redis, now = Date.now }: { redis: Grouped; now?: () => number }): SettleClaims {
  const warnAway = createWarnAway("redis is away: claims stay pending", now);
  return async (workspaceId, requestId, { confirm, release }, bucket = "dedup") => {
    if (confirm.length + release.length === 0) return;
    const head = [`${bucket}:${workspaceId}:`, requestId, String(CLAIM_SECONDS), String(confirm.length)];
    try {
      await runScript(redis, SETTLE, [], [...head, ...confirm, ...release]);
    } catch (error) {
      warnAway(error);
    }
  };
}
