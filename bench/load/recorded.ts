import type { Call } from "../../functions/ingest/call.ts";
import { createIngest, type Ingest } from "../../functions/ingest/ingest.ts";
import { createPublish, type PutFrames } from "../../functions/ingest/publish.ts";
import { env } from "../../functions/kit/env.ts";
import { newId } from "../../functions/kit/id.ts";
import { hashOfKey } from "../../functions/registry/write-key.ts";
import { LOCAL } from "../../stacks/local/local-mode.ts";

const SOURCE = {
  id: "00000000-0000-4000-8000-000000000002",
  workspaceId: LOCAL.workspaceId,
  name: "bench",
  enabled: true,
};

/** The ingest path with its real stages, over a cache that answers at once that every id is fresh, and over `putFrames`. */
export function ingestInto(putFrames: PutFrames): Ingest {
  const publish = createPublish({ putFrames, now: Date.now, wait: async () => {}, ...env.publish });
  return createIngest({
    admit: async (_, ids) => ({ source: SOURCE, requestId: "bench", claims: ids.map(() => "fresh") }),
    settleClaims: async () => {},
    publish,
    hashOfKey,
    newId,
    limits: env.limits,
  });
}

/** A call whose body is all there. */
export type BufferedCall = Call & { body: Buffer };

/** The call that events make: one as a track call, several as a batch. */
export function callOf(events: readonly object[]): BufferedCall {
  const [kind, sent] = events.length === 1 ? (["track", events[0]] as const) : (["batch", { batch: events }] as const);
  return {
    kind,
    key: LOCAL.writeKey,
    body: Buffer.from(JSON.stringify(sent)),
    gzip: false,
    sentAt: undefined,
    receivedAt: Date.now(),
  };
}
