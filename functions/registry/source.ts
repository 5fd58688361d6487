/** Requests in any 5 s, and events in a day of UTC; null = without a limit. */
export type RateLimits = { windowRequestsMax: number | null; dayEventsMax: number | null };

/** What is kept of an address: all of it, its network (/24, /48), a hash keyed by the day, or nothing. E16. */
export const ADDRESS_POLICIES = ["keep", "truncate", "hash", "drop"] as const;
export type AddressPolicy = (typeof ADDRESS_POLICIES)[number];

/**
 * Where the body of a webhook holds what an event needs: paths with dots (`data.customer.id`), each absent one guessed.
 * `event` may also be a constant in quotes. B-25.
 */
export type WebhookMapping = {
  event?: string;
  userId?: string;
  anonymousId?: string;
  messageId?: string;
  timestamp?: string;
  properties?: string;
};

/**
 * Where events come from: a website, an app, a server. A write key, a domain or its own id leads to exactly one source.
 * What the door needs to know of a source and its workspace travels together, as one cached value.
 */
export type Source = {
  id: string;
  workspaceId: string;
  name: string;
  enabled: boolean;
  /** The workspace's limits, or the source's `own`, which then has a window and a day of its own. I-07. */
  limits: RateLimits & { own: boolean };
  /** Events sent more than LATE_AFTER_HOURS ago are refused. Decision 9. */
  lateCheck: boolean;
  address: AddressPolicy;
  /** Web pages that may send, such as `https://shop.example`; none = any. E6. */
  origins: readonly string[];
  webhook: WebhookMapping | null;
  /** What the workspace has beside: a changed `version` makes isolates forget its plan, its schemas and its list. */
  rules: { version: number; plan: boolean; suppressed: boolean };
};

/** The limits of a tier: per second (sustained), per day, and the burst in any 5 s. I-07, decision 13e. */
export const TIERS = {
  default: { requestsPerSecond: 100, windowRequestsMax: 500, dayEventsMax: 1_000_000 },
  pro: { requestsPerSecond: 500, windowRequestsMax: 2_500, dayEventsMax: 10_000_000 },
  enterprise: { requestsPerSecond: null, windowRequestsMax: null, dayEventsMax: null },
} as const satisfies Record<string, RateLimits & { requestsPerSecond: number | null }>;
export type Tier = keyof typeof TIERS;

/** How events reach a source: by a client that speaks Segment's calls, or as the bodies of another system's webhooks. */
export const SOURCE_KINDS = ["sdk", "webhook"] as const;
export type SourceKind = (typeof SOURCE_KINDS)[number];
