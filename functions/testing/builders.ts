import type { KinesisStreamRecord } from "aws-lambda";
import type { CheckedEvent, EventType, JsonObject, WireEvent } from "../event/event.ts";
import { encodeEvent, encodeFrame } from "../event/frame.ts";
import type { Call, Client } from "../ingest/call.ts";
import type { Source } from "../registry/source.ts";

export const WORKSPACE = "00000000-0000-4000-8000-000000000001";
export const SOURCE = "00000000-0000-4000-8000-0000000000aa";
/** The server's clock in tests. */
export const NOW = Date.UTC(2026, 10, 21, 12);
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
export const LIMITS = { eventBytesMax: 100 * 1_024, batchBytesMax: 1_024 * 1_024 };

export const iso = (ms: number): string => new Date(ms).toISOString();
export const bytesOf = (body: unknown): Buffer => Buffer.from(typeof body === "string" ? body : JSON.stringify(body));

/** `{ [name]: { [name]: … leaf } }` with `levels` objects around the leaf. */
export const nested = (levels: number, leaf: unknown = 1, name = "a"): JsonObject =>
  JSON.parse(`${`{"${name}":`.repeat(levels)}${JSON.stringify(leaf)}${"}".repeat(levels)}`);

export const aSource = (fields: Partial<Source> = {}): Source => ({
  id: SOURCE,
  workspaceId: WORKSPACE,
  name: "Shop",
  enabled: true,
  limits: { windowRequestsMax: null, dayEventsMax: null, own: false },
  lateCheck: true,
  address: "truncate",
  origins: [],
  webhook: null,
  rules: { version: 1, plan: false, suppressed: false },
  ...fields,
});

/** A track event as a client sends it, fresh enough for a clean claim. */
export const aDraft = (fields: JsonObject = {}): JsonObject => ({
  event: "Order Completed",
  anonymousId: "anon-1",
  messageId: "m-1",
  timestamp: iso(NOW - 1_000),
  sentAt: iso(NOW - 1_000),
  ...fields,
});

/** A server, of which nothing is known but its address. */
export const aClient = (fields: Partial<Client> = {}): Client => ({
  address: "203.0.113.77",
  userAgent: "",
  device: false,
  origin: undefined,
  place: undefined,
  addressPolicy: undefined,
  ...fields,
});

export const aCall = (body: unknown, fields: Partial<Call> = {}): Call => ({
  kind: "track",
  dialect: undefined,
  bucket: "dedup",
  key: "wk_test",
  domain: undefined,
  body: bytesOf(body),
  gzip: false,
  sentAt: undefined,
  hints: {},
  client: aClient(),
  requestId: "request-1",
  receivedAt: NOW,
  ...fields,
});

export const aWireEvent = (fields: Partial<WireEvent> = {}): WireEvent => ({
  type: "track" as EventType,
  messageId: "m-1",
  event: "Order Completed",
  userId: "",
  anonymousId: "anon-1",
  groupId: "",
  previousId: "",
  name: "",
  category: "",
  originalTimestamp: NOW - 1_000,
  sentAt: NOW - 1_000,
  properties: {},
  traits: {},
  context: {},
  ...fields,
});

export const aReceivedEvent = (fields: Partial<CheckedEvent> = {}) => ({
  ...aWireEvent(),
  receivedAt: NOW,
  timestamp: NOW,
  warnings: [],
  ...fields,
});

export const aCheckedEvent = (fields: Partial<CheckedEvent> = {}): CheckedEvent => ({
  ...aReceivedEvent(),
  flat: true,
  sourceId: SOURCE,
  suspect: false,
  ...fields,
});

export const aFrame = (events: readonly CheckedEvent[], workspaceId = WORKSPACE): Buffer =>
  encodeFrame(workspaceId, events.map(encodeEvent));

/** Sequence numbers as Kinesis makes them: 56 digits, which no number of JavaScript holds. */
export const seqOf = (index: number): string => `4959${String(index).padStart(52, "0")}`;

export const aRecord = (
  data: Buffer,
  index: number,
  shard = "shardId-000000000000",
  stream = "events",
): KinesisStreamRecord => ({
  awsRegion: "us-east-1",
  eventID: `${shard}:${seqOf(index)}`,
  eventName: "aws:kinesis:record",
  eventSource: "aws:kinesis",
  eventSourceARN: `arn:aws:kinesis:us-east-1:000000000000:stream/${stream}`,
  eventVersion: "1.0",
  invokeIdentityArn: "arn:aws:iam::000000000000:role/deliver",
  kinesis: {
    approximateArrivalTimestamp: NOW / 1_000,
    data: data.toString("base64"),
    kinesisSchemaVersion: "1.0",
    partitionKey: "p",
    sequenceNumber: seqOf(index),
  },
});
