import type { PropertyType } from "./event-schema.ts";
import type { AddressPolicy, SourceKind, Tier } from "./source.ts";
import type { NewSource, OwnLimits, SourceChange, WebhookBody } from "./source-settings.ts";
import type { PlanMode, PlannedEvent } from "./tracking-plan.ts";

/**
 * What the manage API asks of the database. Records are as the API shows them; times are ISO 8601. Every call is about
 * the caller's workspace: an id of another's is answered as one that does not exist, `not_found`. All throw
 * `unavailable` when the database does not answer.
 */
export type Manage = {
  workspace: {
    get: (caller: Caller) => Promise<WorkspaceRecord>;
    change: (caller: Caller, change: WorkspaceChange) => Promise<WorkspaceRecord>;
  };
  /** Limits of its own above the workspace's are `validation_failed`; a domain of another source is a `conflict`. */
  sources: {
    list: (caller: Caller, page: PageOf) => Promise<Page<SourceRecord>>;
    get: (caller: Caller, id: string) => Promise<SourceRecord>;
    add: (caller: Caller, source: NewSource) => Promise<SourceRecord>;
    change: (caller: Caller, id: string, change: SourceChange) => Promise<SourceRecord>;
    remove: (caller: Caller, id: string) => Promise<void>;
  };
  keys: {
    list: (caller: Caller, sourceId: string, page: PageOf) => Promise<Page<KeyRecord>>;
    /** Keeps the hash of a key that was made; one that exists anywhere is a `conflict`. */
    add: (caller: Caller, sourceId: string, key: Secret) => Promise<KeyRecord>;
    /** Holds at once, where isolates and cache can be told. Again changes nothing. */
    revoke: (caller: Caller, sourceId: string, keyId: string) => Promise<KeyRecord>;
  };
  plan: {
    get: (caller: Caller) => Promise<PlanRecord | null>;
    put: (caller: Caller, plan: Omit<PlanRecord, "updated_at">) => Promise<PlanRecord>;
    remove: (caller: Caller) => Promise<boolean>;
  };
  schemas: {
    list: (caller: Caller, filter: SchemaFilter, page: PageOf) => Promise<Page<PropertyRecord>>;
    /** Whether there was a type to forget. */
    reset: (caller: Caller, property: { key: string; property: string }) => Promise<boolean>;
  };
  /** By `suppressedHash`; no id is kept. */
  suppressions: {
    has: (caller: Caller, idHash: string) => Promise<boolean>;
    add: (caller: Caller, idHash: string) => Promise<void>;
    remove: (caller: Caller, idHash: string) => Promise<void>;
  };
  tokens: {
    list: (caller: Caller, page: PageOf) => Promise<Page<TokenRecord>>;
    add: (caller: Caller, token: Secret & NewTokenRecord) => Promise<TokenRecord>;
    revoke: (caller: Caller, id: string) => Promise<TokenRecord>;
  };
  audit: (caller: Caller, page: PageOf) => Promise<Page<AuditRecord>>;
};

/** For whom, and who asks: `by` is a token's hint, as the audit log keeps it. */
export type Caller = { workspaceId: string; by: string };
/** A key or token as it is kept: SHA-256 in hexadecimal, and what is shown of it. */
export type Secret = { hash: string; hint: string };

/** `after`: the place where the page before ended. */
export type PageOf = { limit: number; after: readonly string[] | undefined };
/** `next`: where this page ended, when there is more. */
export type Page<Row> = { rows: Row[]; next: readonly string[] | undefined };

export type WorkspaceRecord = {
  id: string;
  name: string;
  tier: Tier;
  timezone: string;
  limits: OwnLimits;
  created_at: string;
};
export type WorkspaceChange = { name?: string | undefined; timezone?: string | undefined };

export type SourceRecord = {
  id: string;
  name: string;
  kind: SourceKind;
  enabled: boolean;
  late_check: boolean;
  address_policy: AddressPolicy;
  origins: string[];
  domains: string[];
  webhook: WebhookBody | null;
  limits: OwnLimits | null;
  created_at: string;
};

export type KeyRecord = { id: string; hint: string; created_at: string; revoked_at: string | null };

export type PlanRecord = {
  mode: PlanMode;
  unplanned: PlanMode;
  events: readonly PlannedEvent[];
  updated_at: string;
};

/** `type` alone is all schemas of that call. */
export type SchemaFilter = { type?: string | undefined; event?: string | undefined };
export type PropertyRecord = { key: string; property: string; type: PropertyType; learned_at: string };

export type NewTokenRecord = { name: string; scopes: readonly string[]; expires_at: string | null };
export type TokenRecord = NewTokenRecord & { id: string; hint: string; created_at: string; revoked_at: string | null };

export type AuditRecord = { id: string; at: string; by: string; action: string; target: string };
