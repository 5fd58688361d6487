import { setTimeout as wait } from "node:timers/promises";
import type { Hono } from "hono";
import { handle } from "hono/aws-lambda";
import { authorize } from "../auth/api-token.ts";
import { ingestApp } from "../http/ingest-app.ts";
import type { DoorVars } from "../http/vars.ts";
import { createIngest } from "../ingest/ingest.ts";
import type { IngestPorts } from "../ingest/ports.ts";
import { createPublish, type PutFrames } from "../ingest/publish.ts";
import { isBot } from "../kit/bot.ts";
import { env } from "../kit/env.ts";
import { newId } from "../kit/id.ts";
import { log } from "../kit/log.ts";
import { metrics } from "../kit/metrics.ts";
import { onFirstCall } from "../kit/on-first-call.ts";
import { createIsShown } from "../kit/shown.ts";
import type { createCheckPlan } from "../registry/compile-plan.ts";
import { lookupOfDomain, lookupOfSite } from "../registry/lookup.ts";
import { suppressedHash } from "../registry/suppressed.ts";
import { hashOfKey } from "../registry/write-key.ts";
import { type DoorStores, openDoorStores } from "../stores/open-door.ts";

/** The stages' ports over the stores, shared by the door and the replay of dead letters. */
export function ingestPorts(stores: DoorStores): Omit<IngestPorts, "background"> {
  const now = Date.now;
  const counted =
    (to: "stream" | "spill", put: PutFrames): PutFrames =>
    async (puts) => {
      const results = await put(puts);
      for (const result of results) metrics.record(to, result);
      return results;
    };
  const publish = createPublish({
    putFrames: counted("stream", stores.putFrames),
    spill: counted("spill", stores.spill),
    now,
    wait: (ms) => wait(ms),
    ...env.publish,
  });
  const { admit, settleClaims, reject, schemas, rulesOf, placeOf, hashOfAddress } = stores;
  return {
    ...{ admit, settleClaims, reject, schemas, rulesOf, placeOf, hashOfAddress },
    publish,
    checkPlan: createLazyCheckPlan(),
    hashOfPerson: suppressedHash,
    isBot,
    lookup: { ofKey: hashOfKey, ofDomain: lookupOfDomain, ofSite: lookupOfSite },
    isShown: createIsShown(env.ingest.liveRequestsPerSecond),
    newId,
    limits: env.limits,
    lateAfterMs: env.ingest.lateAfterMs,
    ack: env.ingest.ack,
  };
}

/** The compiler of plans is a third of the whole function: it is loaded with the first plan. */
function createLazyCheckPlan(): IngestPorts["checkPlan"] {
  let checkPlan: ReturnType<typeof createCheckPlan> | undefined;
  return (plan) => {
    if (checkPlan) return checkPlan(plan);
    return import("../registry/compile-plan.ts").then((compiler) => {
      checkPlan ??= compiler.createCheckPlan();
      return checkPlan(plan);
    });
  };
}

export type IngestApp = Hono<DoorVars> & {
  /** Resolves when what was answered before it was stored is stored (`INGEST_ACK=async`). */
  drained: () => Promise<void>;
};

/** The ingest door over its stores. `localMode` can only be said by stacks/local. */
export function wire(stores: DoorStores, { localMode }: { localMode: boolean }): IngestApp {
  const now = Date.now;
  const open = new Set<Promise<unknown>>();
  const background = (work: Promise<unknown>) => {
    const held = work
      .catch((error: unknown) => log.error({ err: error }, "events were answered and not stored"))
      .finally(() => open.delete(held));
    open.add(held);
  };
  const { tokenByHash, probes } = stores;
  // A key that is missing or a place database that cannot be read stops the function when it starts, not at some event.
  stores.hashOfAddress("", "", 0);
  stores.placeOf("");
  const app = ingestApp({
    ingest: createIngest({ ...ingestPorts(stores), background }),
    limits: { ...env.limits, trustedHops: env.ingest.trustedHops },
    now,
    metrics,
    logged: env.log,
    authorize: (given) => authorize({ ...given, localMode, tokenByHash, now }),
    localMode,
    publicUrl: env.ingest.publicUrl,
    // Without the stream the queue takes what comes; database and cache may be away for a while (I-04).
    probes: {
      stream: { probe: probes.stream, required: true, orElse: "spill" },
      spill: { probe: probes.spill, required: false },
      database: { probe: probes.database, required: false },
      cache: { probe: probes.cache, required: false },
    },
  });
  return Object.assign(app, { drained: async () => void (await Promise.all(open)) });
}

const hooks = { onCacheAway: () => metrics.away("cache") };

export const handler = onFirstCall(() => handle(wire(openDoorStores(env.stores, hooks), { localMode: false })));
