import type { Pipeline } from "@upstash/redis";
import type { SettleClaims } from "../../ingest/ports.ts";
import { compactDayOf } from "../../kit/day.ts";
import { LIFE_SECONDS, prefixOf } from "./claims.ts";
import type { Grouped } from "./grouped.ts";
import { countsKeyOf, liveKeyOf } from "./live-events.ts";
import { createOwed, type Owed } from "./owed.ts";
import { runScript } from "./run-script.ts";
import { SETTLE } from "./scripts.ts";
import { createWarnAway } from "./warn-away.ts";

type SettlePorts = { redis: Grouped; now: () => number; onAway: () => void };

/**
 * Ends a request's claims and keeps its report in one trip, none when there is nothing to say. Never throws: what was
 * stored while Redis was away is confirmed with the next trip that arrives, since a repeat of it would be a clean one for
 * the store after 15 minutes; a report that Redis did not take is lost. Decisions 5, 14b, 15a.
 */
export function createSettleClaims({ redis, now, onAway }: SettlePorts): SettleClaims {
  const warnAway = createWarnAway("redis is away: confirmations wait, outcomes are not shown", now);
  const owed = createOwed();
  return async ({ source, requestId, bucket, confirm, confirmLive = [], release, report }) => {
    const counts = Object.entries(report.counts).flatMap(([name, by]) => [name, String(by)]);
    if (confirm.length + release.length + counts.length === 0 && report.live === undefined) return;
    const keys = [liveKeyOf(source.id), countsKeyOf(source.id, compactDayOf(now()))];
    const head = [prefixOf(bucket, source.workspaceId), requestId, LIFE_SECONDS[bucket]];
    const lengths = [String(confirm.length), String(release.length)];
    const { workspaceId } = source;
    const due: Owed[] = [...owed.take(), { bucket: "dedup", workspaceId, ids: [...confirmLive] }];
    const before = (pipeline: Pipeline): void => {
      for (const { bucket: other, workspaceId: of, ids } of due) {
        const args = [prefixOf(other, of), requestId, LIFE_SECONDS[other], String(ids.length), "0", "", ...ids];
        if (ids.length > 0) pipeline.evalsha(SETTLE.sha1, keys, args);
      }
    };
    try {
      const args = [...head, ...lengths, report.live ?? "", ...confirm, ...release, ...counts];
      await runScript(redis, SETTLE, { keys, args, before });
    } catch (error) {
      for (const one of [...due, { bucket, workspaceId, ids: [...confirm] }]) owed.add(one);
      onAway();
      warnAway(error);
    }
  };
}
