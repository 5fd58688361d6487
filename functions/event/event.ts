/** The calls of Segment's specification, in the order in which the documentation lists them. */
export const EVENT_TYPES = ["track", "identify", "page", "screen", "group", "alias"] as const;
export type EventType = (typeof EVENT_TYPES)[number];

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** One event as its client sent it, a batch's defaults filled in. Nothing is known about it but that it is an object. */
export type Draft = JsonObject;

/** A draft whose fields have their types. Absent strings are "", absent times undefined; times are milliseconds UTC. */
export type WireEvent = {
  type: EventType;
  messageId: string;
  event: string;
  userId: string;
  anonymousId: string;
  groupId: string;
  previousId: string;
  name: string;
  category: string;
  originalTimestamp: number | undefined;
  sentAt: number | undefined;
  properties: JsonObject;
  traits: JsonObject;
  context: JsonObject;
};

/**
 * What was odd about an event and did not refuse it: counted by source, and kept with the event. B-06, S-13.
 * `schema_full`: the registry learns no more; `schema_unchecked`: the registry was away; `not_learned`: the plan forbids it.
 */
export type Warning =
  | "bad_timestamp"
  | "bad_sent_at"
  | "timestamp_replaced"
  | "clock_skew"
  | "text_cleaned"
  | "schema_full"
  | "schema_unchecked"
  | "not_learned"
  | "plan_violation";

/** A wire event with the server's time: `timestamp` is event time, corrected for the client's clock. */
export type ReceivedEvent = WireEvent & { receivedAt: number; timestamp: number; warnings: readonly Warning[] };

/** A received event whose properties, traits and context are flat, in snake_case. */
export type FlatEvent = ReceivedEvent & { readonly flat: true };

/** What may be published: flat, and of the types that its schema knows. */
export type CheckedEvent = FlatEvent & {
  sourceId: string;
  /** The store must look its message id up before it inserts (decision 15a). */
  suspect: boolean;
};
