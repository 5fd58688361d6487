import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { type JitsuOptions, jitsuAnalytics } from "@jitsu/js";
import RudderAnalytics from "@rudderstack/rudder-sdk-node";
import { Analytics as SegmentAnalytics } from "@segment/analytics-node";
import { ONCE, persistent, type SdkClient, SIX, type Target } from "./client.ts";

export const segmentNode: SdkClient = {
  name: "K-01 @segment/analytics-node 3.1.0",
  everyCall: async ({ url, writeKey }) => {
    const analytics = new SegmentAnalytics({ host: url, writeKey, flushAt: 6 });
    const userId = "u1";
    analytics.identify({ userId, traits: { plan: "pro" } });
    analytics.track({ userId, event: "Order Completed", properties: { total: 9.5 } });
    analytics.page({ userId, name: "Home", properties: { url: "https://shop.example/" } });
    analytics.screen({ userId, name: "Main", properties: { tab: 1 } });
    analytics.group({ userId, groupId: "g1", traits: { seats: 3 } });
    analytics.alias({ userId, previousId: "a1" });
    await analytics.closeAndFlush();
  },
  stored: SIX,
  requests: 1,
  oneCall: async ({ url, writeKey }) => {
    const analytics = new SegmentAnalytics({ host: url, writeKey, maxRetries: 3 });
    analytics.track({ userId: "u1", event: "One" });
    await analytics.closeAndFlush({ timeout: 90_000 });
  },
  // Ten retries unless it is told otherwise: minutes. What is limited by Retry-After does not count, up to 20 times more.
  faults: persistent(3),
  waits: true,
};

/** The old Node client and RudderStack's have the same calls with the same arguments, and each calls back when it is done. */
type Queued = Record<
  "identify" | "track" | "page" | "screen" | "group" | "alias",
  (message: Record<string, unknown>, done: (error?: unknown) => void) => unknown
> & { flush: () => Promise<unknown> };

const everyQueuedCall = async (client: Queued) => {
  const userId = "u1";
  const made = [
    called((done) => client.identify({ userId, traits: { plan: "pro" } }, done)),
    called((done) => client.track({ userId, event: "Order Completed", properties: { total: 9.5 } }, done)),
    called((done) => client.page({ userId, name: "Home", properties: { url: "https://shop.example/" } }, done)),
    called((done) => client.screen({ userId, name: "Main", properties: { tab: 1 } }, done)),
    called((done) => client.group({ userId, groupId: "g1", traits: { seats: 3 } }, done)),
    called((done) => client.alias({ userId, previousId: "a1" }, done)),
  ];
  await Promise.all([client.flush(), ...made]);
};

const oneQueuedCall = async (client: Queued) => {
  const made = called((done) => client.track({ userId: "u1", event: "One" }, done));
  await Promise.allSettled([client.flush(), made]);
};

function called(call: (done: (error?: unknown) => void) => unknown): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  call((error) => (error ? reject(error) : resolve()));
  return promise;
}

// It has no types of its own.
const OldAnalytics = createRequire(import.meta.url)("analytics-node") as new (
  writeKey: string,
  options: { host: string; errorHandler: () => void },
) => Queued;
const oldNode = ({ url, writeKey }: Target) => new OldAnalytics(writeKey, { host: url, errorHandler: () => undefined });

const segmentOldNode: SdkClient = {
  name: "K-03 analytics-node 6.2.0",
  everyCall: (target) => everyQueuedCall(oldNode(target)),
  stored: SIX,
  // The first call is sent at once, the rest together.
  requests: 2,
  oneCall: (target) => oneQueuedCall(oldNode(target)),
  faults: persistent(3),
  waits: false,
};

const rudder = ({ url, writeKey }: Target, gzip: boolean) =>
  new RudderAnalytics(writeKey, {
    dataPlaneUrl: url,
    gzip,
    logLevel: "none",
    errorHandler: () => undefined,
  }) as unknown as Queued;

const rudderNode = (gzip: boolean): SdkClient => ({
  name: `K-04 @rudderstack/rudder-sdk-node 3.0.13, gzip ${gzip ? "on" : "off"}`,
  everyCall: (target) => everyQueuedCall(rudder(target, gzip)),
  stored: SIX,
  requests: 2,
  oneCall: (target) => oneQueuedCall(rudder(target, gzip)),
  faults: persistent(3),
  waits: true,
});

const jitsu = ({ url, writeKey }: Target, s2s: boolean, errorPolicy: NonNullable<JitsuOptions["errorPolicy"]>) =>
  jitsuAnalytics({ host: url, writeKey, s2s, errorPolicy });

const jitsuNode = (s2s: boolean): SdkClient => ({
  name: `K-09 @jitsu/js 1.11.0, ${s2s ? "server to server" : "node"}`,
  newKey: () => `${randomUUID()}:secret`,
  everyCall: async (target) => {
    // It complains of an answer that is no JSON.
    const analytics = jitsu(target, s2s, "rethrow");
    await analytics.identify("u1", { plan: "pro" });
    await analytics.track("Order Completed", { total: 9.5 });
    await analytics.page({ name: "Home", url: "https://shop.example/" });
    await analytics.group("g1", { seats: 3 });
  },
  stored: ["group ", "identify ", "page ", "track Order Completed"],
  requests: 4,
  oneCall: (target) => jitsu(target, s2s, () => undefined).track("One"),
  faults: ONCE,
  waits: false,
});

/** Every client of Node that sends events of Segment's shape; who waits longest comes first. */
export const SEGMENT_CLIENTS: readonly SdkClient[] = [
  rudderNode(true),
  rudderNode(false),
  segmentNode,
  segmentOldNode,
  jitsuNode(false),
  jitsuNode(true),
];

/** Events of such texts, in batches as the client makes them; it counts letters "i" for bytes, so that only their number limits them. */
export async function largeBySegment({ url, writeKey }: Target, texts: readonly string[]): Promise<void> {
  const analytics = new SegmentAnalytics({ host: url, writeKey });
  for (const text of texts) analytics.track({ userId: "u1", event: "Large", properties: { text } });
  await analytics.closeAndFlush();
}

/** The same; it sends when it holds 450 KB, or what it holds when it is told. */
export async function largeByRudder({ url, writeKey }: Target, texts: readonly string[]): Promise<void> {
  const analytics = new RudderAnalytics(writeKey, { dataPlaneUrl: url, gzip: false });
  const made = texts.map((text) =>
    called((done) => analytics.track({ userId: "u1", event: "Large", properties: { text } }, done)),
  );
  await Promise.all([...made, analytics.flush()]);
}
