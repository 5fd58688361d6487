import type { RejectEvents } from "../event/dead-letter.ts";
import type { JsonObject } from "../event/event.ts";
import type { EventSchema, TypedProperty } from "../registry/event-schema.ts";
import type { Source } from "../registry/source.ts";
import type { PlanMode, TrackingPlan } from "../registry/tracking-plan.ts";
import type { SizeLimits } from "./inflate.ts";
import type { Publish } from "./publish.ts";

/** What the cache knows of a message id: never seen, seen but not known to be stored, or stored within its bucket's time. */
export type Claim = "fresh" | "suspect" | "duplicate";

/** Claims of live calls, of imports and of replays never meet. Decision 5. */
export type Bucket = "dedup" | "dedup:import" | "dedup:replay";

/**
 * A request as the cache sees it. `lookup` finds the source: see `registry/lookup.ts`. What is `uncounted` has no rate:
 * it only asks whose key it is, or is a replay, whose event was counted when it came.
 */
export type AdmitCall = {
  lookup: string;
  requestId: string;
  bucket: Bucket;
  ids: readonly string[];
  uncounted?: boolean;
};

/** How much is left of a limit: `limit` of something in `windowSeconds`, free again in `resetSeconds`. */
export type Rate = { limit: number; remaining: number; resetSeconds: number; windowSeconds: number };

/** Of an unknown source there are no claims; of a request beyond its `limited` rate none were made. Claims are in the order of the ids. */
export type Admitted = {
  source: Source | null;
  claims: readonly Claim[];
  rate: Rate | undefined;
  /** Which limit was met, if any. */
  limited: "requests" | "events" | undefined;
};

/**
 * The first round trip: whose key it is, whether its rate has room, and a claim on every id. Throws `unavailable` when
 * neither cache nor database can tell; with the cache away every id is suspect and the rate is this isolate's own.
 * Decisions 5, 6, 12, 13e.
 */
export type Admit = (call: AdmitCall) => Promise<Admitted>;

/**
 * What a request came to. `counts` are added to the source's counters of the day (`accepted`, `rejected:schema_conflict`,
 * `warning:bad_date` …); `live` is one entry of its live view, as JSON text, absent where it is not shown. Decision 14b.
 */
export type Report = { counts: Readonly<Record<string, number>>; live: string | undefined };

/**
 * The second round trip: what is stored becomes a duplicate for its bucket's time, what was refused for certain is free
 * again where the claim is still this request's, and the report is kept. Never throws.
 */
export type SettleClaims = (settled: {
  source: Source;
  requestId: string;
  bucket: Bucket;
  confirm: readonly string[];
  /** Of an import or a replay, what is to be a duplicate for live calls too: a clean claim there would say it is new. */
  confirmLive?: readonly string[];
  release: readonly string[];
  report: Report;
}) => Promise<void>;

/**
 * What this isolate knows of schemas. `known` is undefined until it was loaded; `load` reads the keys that are not there;
 * `learn` proposes types: the first one written wins, for everybody, and `known` says which afterwards. Both throw when
 * the database is away.
 */
export type Schemas = {
  known: (source: Source, key: string) => EventSchema | undefined;
  load: (source: Source, keys: readonly string[]) => Promise<void>;
  learn: (source: Source, proposed: readonly TypedProperty[]) => Promise<void>;
};

/** A workspace's plan and its suppressed people (hashes, see `suppressedHash`), kept until `source.rules.version` changes. */
export type Rules = { plan: TrackingPlan | null; suppressed: ReadonlySet<string> };
/** Throws `unavailable` when they cannot be read: who is suppressed must not be stored by accident. */
export type RulesOf = (source: Source) => Promise<Rules> | Rules;

/** Holds an event as it was sent to the plan: what breaks it, or undefined. `mode` is the event's own, else the plan's. B-11. */
export type CheckPlan = (
  type: string,
  event: string,
  bag: JsonObject,
) => { mode: Exclude<PlanMode, "allow">; field: string; message: string } | undefined;

/** Country (ISO 3166-1), region and city of an address, "" where unknown. */
export type Place = { country: string; region: string; city: string };

export type IngestPorts = {
  admit: Admit;
  settleClaims: SettleClaims;
  publish: Publish;
  reject: RejectEvents;
  schemas: Schemas;
  rulesOf: RulesOf;
  /** Asked with every request of a workspace with a plan: it keeps what it compiled. */
  checkPlan: (plan: TrackingPlan) => CheckPlan | Promise<CheckPlan>;
  /** How a suppressed person is found. */
  hashOfPerson: (workspaceId: string, id: string) => string;
  placeOf: (address: string) => Place | undefined;
  isBot: (userAgent: string) => boolean;
  /** The hash under which an address is kept by the policy `hash`: keyed, with a salt of the day. E16. */
  hashOfAddress: (workspaceId: string, address: string, nowMs: number) => string;
  /** What a source is found by: `registry/lookup.ts`. */
  lookup: { ofKey: (key: string) => string; ofDomain: (name: string) => string; ofSite: (id: string) => string };
  /** Whether a request of which all was taken is shown in the live view: all of a quiet source, some of a busy one. */
  isShown: (sourceId: string, nowMs: number) => boolean;
  newId: (nowMs: number) => string;
  limits: SizeLimits;
  lateAfterMs: number;
  /** `durable`: the answer waits for the stream. `async`: it does not, and `background` holds what goes on. Decision 4. */
  ack: "durable" | "async";
  background: (work: Promise<unknown>) => void;
};
