import type { Pipeline } from "@upstash/redis";
import type { SettleClaims } from "../../ingest/ports.ts";
import { LIFE_SECONDS, prefixOf } from "./claims.ts";
import type { Grouped } from "./grouped.ts";
import { countsKeyOf, liveKeyOf } from "./live-events.ts";
import { dayOf } from "./rate.ts";
import { runScript } from "./run-script.ts";
import { SETTLE } from "./scripts.ts";
import { createWarnAway } from "./warn-away.ts";

type SettlePorts = { redis: Grouped; now: () => number; onAway: () => void };

/**
 * Ends a request's claims and keeps its report in one trip, none when there is nothing to say. Never throws: a claim
 * left pending lets a retry through as suspect, and a report that Redis did not take is lost. Decisions 5, 14b.
 */
export function createSettleClaims({ redis, now, onAway }: SettlePorts): SettleClaims {
  const warnAway = createWarnAway("redis is away: claims stay pending, outcomes are not shown", now);
  return async ({ source, requestId, bucket, confirm, confirmLive = [], release, report }) => {
    const counts = Object.entries(report.counts).flatMap(([name, by]) => [name, String(by)]);
    if (confirm.length + release.length + counts.length === 0 && report.live === undefined) return;
    const keys = [liveKeyOf(source.id), countsKeyOf(source.id, dayOf(now()))];
    const head = [prefixOf(bucket, source.workspaceId), requestId, LIFE_SECONDS[bucket]];
    const lengths = [String(confirm.length), String(release.length)];
    try {
      const args = [...head, ...lengths, report.live ?? "", ...confirm, ...release, ...counts];
      const live = [prefixOf("dedup", source.workspaceId), requestId, LIFE_SECONDS.dedup];
      const before = (pipeline: Pipeline): void =>
        void pipeline.evalsha(SETTLE.sha1, keys, [...live, String(confirmLive.length), "0", "", ...confirmLive]);
      await runScript(redis, SETTLE, confirmLive.length === 0 ? { keys, args } : { keys, args, before });
    } catch (error) {
      onAway();
      warnAway(error);
    }
  };
}
