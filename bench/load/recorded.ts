import type { Call } from "../../functions/ingest/call.ts";
import { createIngest, type Ingest } from "../../functions/ingest/ingest.ts";
import { createPublish, type PutFrames } from "../../functions/ingest/publish.ts";
import { isBot } from "../../functions/kit/bot.ts";
import { env } from "../../functions/kit/env.ts";
import { newId } from "../../functions/kit/id.ts";
import { createIsShown } from "../../functions/kit/shown.ts";
import { createCheckPlan } from "../../functions/registry/compile-plan.ts";
import type { EventSchema, PropertyType } from "../../functions/registry/event-schema.ts";
import { hashOfKey } from "../../functions/registry/write-key.ts";
import { aClient, aSource } from "../../functions/testing/builders.ts";
import { ingestPorts } from "../../functions/testing/fakes.ts";
import { LOCAL } from "../../stacks/local/local-mode.ts";

/** Everything on: a schema that is known, a tracking plan, addresses truncated, live view and counters. */
const SOURCE = aSource({
  workspaceId: LOCAL.workspaceId,
  limits: { windowRequestsMax: 500, dayEventsMax: 1_000_000, own: false },
  rules: { version: 1, plan: true, suppressed: false },
});

/** The types of a sample of events, as the registry would have learned them. */
export type Known = ReadonlyMap<string, EventSchema>;
export function schemasOf(events: readonly { event?: string; properties?: object }[]): Known {
  const known = new Map<
    string,
    { properties: Map<string, PropertyType>; traits: Map<string, PropertyType>; full: boolean }
  >();
  for (const { event = "", properties = {} } of events) {
    const schema = known.get(`track:${event}`) ?? { properties: new Map(), traits: new Map(), full: false };
    for (const [name, value] of Object.entries(properties))
      schema.properties.set(name, Array.isArray(value) ? "array" : (typeof value as PropertyType));
    // What other versions of the client have sent before.
    for (let n = schema.properties.size; n < KNOWN_PROPERTIES; n++) schema.properties.set(`other_${n}`, "string");
    known.set(`track:${event}`, schema);
  }
  return known;
}
const KNOWN_PROPERTIES = 30;
const EMPTY: EventSchema = { properties: new Map(), traits: new Map(), full: false };

/** A plan that names every event of a sample, with the types of its properties. */
const planOf = (known: Known) => ({
  mode: "warn" as const,
  unplanned: "warn" as const,
  events: [...known].map(([key, { properties }]) => ({
    type: "track",
    event: key.slice("track:".length),
    schema: {
      type: "object",
      required: [...properties.keys()].slice(0, 3),
      properties: Object.fromEntries([...properties].map(([name, type]) => [name, { type }])),
    },
  })),
});

/** The ingest path with its real stages and all rules on, over ports that answer as recorded, and over `putFrames`. */
export function ingestInto(putFrames: PutFrames, known: Known = new Map()): Ingest {
  const publish = createPublish({ putFrames, spill: putFrames, now: Date.now, wait: async () => {}, ...env.publish });
  const rules = { plan: planOf(known), suppressed: new Set<string>() };
  return createIngest(
    ingestPorts({
      admit: async ({ ids }) => ({
        source: SOURCE,
        claims: ids.map(() => "fresh"),
        rate: { limit: 500, remaining: 499, resetSeconds: 5, windowSeconds: 5 },
        limited: undefined,
      }),
      settleClaims: async () => {},
      publish,
      schemas: { known: (_, key) => known.get(key) ?? EMPTY, load: async () => {}, learn: async () => {} },
      rulesOf: () => rules,
      checkPlan: createCheckPlan(),
      isBot,
      isShown: createIsShown(env.ingest.liveRequestsPerSecond),
      lookup: { ofKey: hashOfKey, ofDomain: String, ofSite: String },
      newId,
      limits: env.limits,
      lateAfterMs: env.ingest.lateAfterMs,
    }),
  );
}

/** A call whose body is all there. */
export type BufferedCall = Call & { body: Buffer };

/** The call that events make: one as a track call, several as a batch. */
export function callOf(events: readonly object[]): BufferedCall {
  const [kind, sent] = events.length === 1 ? (["track", events[0]] as const) : (["batch", { batch: events }] as const);
  return {
    kind,
    dialect: undefined,
    bucket: "dedup",
    key: LOCAL.writeKey,
    domain: undefined,
    body: Buffer.from(JSON.stringify(sent)),
    gzip: false,
    sentAt: undefined,
    hints: {},
    client: aClient(),
    requestId: newId(),
    receivedAt: Date.now(),
  };
}
