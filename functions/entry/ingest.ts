import { setTimeout as wait } from "node:timers/promises";
import type { Hono } from "hono";
import { handle } from "hono/aws-lambda";
import { ingestApp } from "../http/ingest-app.ts";
import type { DoorVars } from "../http/vars.ts";
import { createIngest } from "../ingest/ingest.ts";
import { createPublish } from "../ingest/publish.ts";
import { env } from "../kit/env.ts";
import { newId } from "../kit/id.ts";
import { onFirstCall } from "../kit/on-first-call.ts";
import { hashOfKey } from "../registry/write-key.ts";
import { openStores, type Stores } from "../stores/open.ts";

/** The ingest door over its stores. */
export function wire({ admit, settleClaims, putFrames, probes }: Stores): Hono<DoorVars> {
  const now = Date.now;
  const publish = createPublish({ putFrames, now, wait: (ms) => wait(ms), ...env.publish });
  const ingest = createIngest({ admit, settleClaims, publish, hashOfKey, newId, limits: env.limits });
  return ingestApp({
    ingest,
    limits: env.limits,
    now,
    // Without the stream nothing can be taken; database and cache may be away for a while (I-04).
    probes: {
      stream: { probe: probes.stream, required: true },
      database: { probe: probes.database, required: false },
      cache: { probe: probes.cache, required: false },
    },
  });
}

export const handler = onFirstCall(() => handle(wire(openStores(env.stores))));
