import { randomUUID } from "node:crypto";
import type { Admitted, Bucket, Report } from "../ingest/ports.ts";
import type { Source } from "../registry/source.ts";
import { createAdmit, type SourceByLookup } from "../stores/redis/admit.ts";
import type { Grouped } from "../stores/redis/grouped.ts";
import { createIsolateSources } from "../stores/redis/isolate-sources.ts";
import { createSettleClaims } from "../stores/redis/settle-claims.ts";

type Isolate = { redis: Grouped; sourceByLookup: SourceByLookup; now: () => number; onAway?: () => void };
type Ended = { confirm?: string[]; confirmLive?: string[]; release?: string[]; report?: Partial<Report> };

/** One process of the door: its own knowledge of sources, in front of the Redis and the database that all share. */
export function anIsolate({ redis, sourceByLookup, now, onAway = () => {} }: Isolate) {
  const sources = createIsolateSources({ now, isolateMs: 5_000 });
  const admit = createAdmit({ redis, sourceByLookup, sources, now, onAway });
  const settleClaims = createSettleClaims({ redis, now, onAway });
  return {
    sources,
    admit: async (
      lookup: string,
      ids: readonly string[],
      bucket: Bucket = "dedup",
      uncounted = false,
    ): Promise<Admitted & { requestId: string }> => {
      const requestId = randomUUID();
      return { requestId, ...(await admit({ lookup, requestId, bucket, ids, uncounted })) };
    },
    settle: (
      source: Source,
      requestId: string,
      { confirm = [], confirmLive = [], release = [], report: { counts = {}, live = undefined } = {} }: Ended,
      bucket: Bucket = "dedup",
    ) => settleClaims({ source, requestId, bucket, confirm, confirmLive, release, report: { counts, live } }),
  };
}
