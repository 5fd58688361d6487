import type { Hono } from "hono";
import { handle } from "hono/aws-lambda";
import { authorize } from "../auth/api-token.ts";
import { createArchiveHours } from "../deliver/archive-hours.ts";
import { createReplayArchive } from "../deliver/archive-replay.ts";
import { createReplayLetters } from "../deliver/replay.ts";
import { createAsk } from "../explore/ask.ts";
import { createDeadLetters } from "../explore/dead-letters.ts";
import { createTraceOf } from "../explore/trace.ts";
import { queryApp } from "../http/query-app.ts";
import type { DoorVars } from "../http/vars.ts";
import { env } from "../kit/env.ts";
import { newId } from "../kit/id.ts";
import { log } from "../kit/log.ts";
import { onFirstCall } from "../kit/on-first-call.ts";
import { openStores, type Stores } from "../stores/open.ts";

/** The query door over its stores. `localMode`: the header alone is authority; only stacks/local can say so. Decision 21. */
export function wire(stores: Stores, { localMode }: { localMode: boolean }): Hono<DoorVars> {
  const { runQuery, tokenByHash, probes, readLive, sourceIdsOf, sendRetries } = stores;
  const { noteReplays } = stores.warehouse;
  const { orderBuckets } = env.publish;
  const now = Date.now;
  const letters = createDeadLetters(runQuery);
  const { wholeAfter } = letters;
  return queryApp({
    letters,
    replayLetters: createReplayLetters({ wholeAfter, sendRetries, noteReplays, newId, now, orderBuckets }),
    archive: {
      hours: createArchiveHours(stores.archive),
      replay: createReplayArchive({ ...stores.archive, sendRetries, newId, now, orderBuckets }),
      now,
    },
    traceOf: createTraceOf({ runQuery, readLive, sourceIdsOf, letters }),
    live: { readLive, sourceIdsOf, now },
    manage: { manage: stores.manage(), countsOf: stores.countsOf, now },
    ask: createAsk({ runQuery, now, log }),
    authorize: (given) => authorize({ ...given, localMode, tokenByHash, now }),
    probes: {
      warehouse: { probe: probes.warehouse, required: true },
      database: { probe: probes.database, required: true },
      cache: { probe: probes.cache, required: false },
    },
  });
}

export const handler = onFirstCall(() => handle(wire(openStores(env.stores), { localMode: false })));
