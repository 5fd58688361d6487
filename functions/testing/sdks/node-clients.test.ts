import { Analytics } from "@segment/analytics-node";
import { PostHog } from "posthog-node";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { sql } from "../local-client.ts";
import { eventually } from "../local-system.ts";
import { onItsOwn, testClients } from "./client-tests.ts";
import { FOREIGN_CLIENTS, posthogNode } from "./foreign-clients.ts";
import { killBeforeAnswer } from "./killed-door.ts";
import { RETRY_AFTER_SECONDS } from "./refusing-door.ts";
import { useRig } from "./rig.ts";
import { largeByRudder, largeBySegment, SEGMENT_CLIENTS, segmentNode } from "./segment-clients.ts";
import { startTokenServer } from "./token-server.ts";

const rig = useRig();
// What a client gave up, it says on the console; here that is what it shall do.
beforeAll(() => void vi.spyOn(console, "error").mockImplementation(() => undefined));
afterAll(() => void vi.restoreAllMocks());

testClients(rig, [...SEGMENT_CLIENTS, ...FOREIGN_CLIENTS]);

test.concurrent("K-20 posthog-node halves a batch that is too large, and each of its events is stored once", () =>
  onItsOwn(rig, posthogNode, async (proxy, source, target) => {
    proxy.next(413);
    const client = new PostHog(target.writeKey, { host: target.url });
    for (const n of [1, 2, 3, 4]) client.capture({ distinctId: "u1", event: `Event ${n}` });
    await client.shutdown();
    expect(proxy.calls().map(({ status }) => status)).toEqual([413, 200, 200]);
    const stored = await rig.stored(source);
    expect(stored.map(({ event, copies }) => [event, copies])).toEqual([1, 2, 3, 4].map((n) => [`Event ${n}`, 1]));
  }));

test.concurrent("K-01 S-3 a client beyond its source's rate stays away as long as the door says, once, and all it has is stored", () =>
  onItsOwn(rig, { windowRequestsMax: 2 }, async (proxy, source, { url, writeKey }) => {
    const analytics = new Analytics({ writeKey, host: url, flushAt: 1 });
    for (const n of [1, 2, 3]) analytics.track({ userId: "u1", event: `Event ${n}` });
    await analytics.closeAndFlush({ timeout: 90_000 });
    const calls = proxy.calls();
    const refused = calls.filter(({ status }) => status === 429);
    // Its three calls go at once: the one that waited may meet the window of the other two a second time.
    expect([1, 2]).toContain(refused.length);
    expect(calls.filter(({ status }) => status === 200)).toHaveLength(3);
    expect((calls.at(-1)?.atMs ?? 0) - (refused[0]?.atMs ?? 0)).toBeGreaterThan(RETRY_AFTER_SECONDS * 1_000 - 50);
    const stored = await rig.stored(source);
    expect(stored.map(({ event, copies }) => [event, copies])).toEqual([1, 2, 3].map((n) => [`Event ${n}`, 1]));
  }));

test.concurrent("K-01 with OAuth the token in the header is no key, the body has it, and each event is stored once", () =>
  onItsOwn(rig, segmentNode, async (proxy, source, { url, writeKey }) => {
    const tokens = await startTokenServer();
    const analytics = new Analytics({ writeKey, host: url, oauthSettings: tokens.settings });
    analytics.track({ userId: "u1", event: "One" });
    await analytics.closeAndFlush();
    await tokens.close();
    expect(proxy.calls().map(({ status }) => status)).toEqual([200]);
    expect((await rig.stored(source)).map(({ event, copies }) => [event, copies])).toEqual([["One", 1]]);
  }));

/** Each just below the 32 KB that clients allow an event. */
const LARGE = Array.from({ length: 20 }, () => "x".repeat(30_000));

test.concurrent.each([
  ["K-01 @segment/analytics-node", largeBySegment],
  ["K-04 @rudderstack/rudder-sdk-node", largeByRudder],
])("%s sends batches of large events, all are taken, and each event is stored once", (_, send) =>
  onItsOwn(rig, segmentNode, async (proxy, source, target) => {
    await send(target, LARGE);
    expect(proxy.calls().every(({ status }) => status === 200)).toBe(true);
    expect(Math.max(...proxy.calls().map(({ body }) => body.length))).toBeGreaterThan(400_000);
    const stored = await rig.stored(source);
    expect(stored.map(({ copies }) => copies)).toEqual(LARGE.map(() => 1));
  }),
);

const EVENTS = 10_000;

test("K-01 @segment/analytics-node sends 10,000 events of all six types, and each is stored once", async () => {
  const source = await rig.newSource();
  const { ingestUrl } = rig.running();
  const analytics = new Analytics({ writeKey: source.writeKey, host: ingestUrl, flushAt: 100, maxRetries: 5 });
  const refused: unknown[] = [];
  analytics.on("error", (error) => refused.push(error));
  const delivered = new Set<string>();
  const sent = new Map<string, string>();
  const once = (type: string) => (error: unknown, context?: { event: { messageId?: string | undefined } }) => {
    if (error || !context?.event.messageId) refused.push(error);
    else {
      delivered.add(context.event.messageId);
      sent.set(context.event.messageId, type);
    }
  };
  for (let n = 0; n < EVENTS; n++) {
    const userId = `user-${n % 50}`;
    const properties = { n, plan: n % 2 === 0 ? "free" : "pro" };
    const call = [
      () => analytics.track({ userId, event: "Sent", properties }, once("track")),
      () => analytics.identify({ userId, traits: properties }, once("identify")),
      () => analytics.page({ anonymousId: `anon-${n % 50}`, name: "Home", properties }, once("page")),
      () => analytics.screen({ userId, name: "Main", properties }, once("screen")),
      () => analytics.group({ userId, groupId: `group-${n % 5}`, traits: properties }, once("group")),
      () => analytics.alias({ userId, previousId: `anon-${n % 50}` }, once("alias")),
    ][n % 6];
    call?.();
    // The client holds what was not sent yet in memory, as a server would over time, not at once.
    if (n % 500 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await analytics.closeAndFlush({ timeout: 90_000 });
  expect(refused).toEqual([]);
  expect(delivered.size).toBe(EVENTS);

  const rows = await eventually(async () => {
    const rows = await sql<[string, string, number]>(
      rig.running(),
      `SELECT message_id, any(type), count() FROM events WHERE source_id = '${source.id}' GROUP BY 1`,
    );
    expect(rows).toHaveLength(EVENTS);
    return rows;
  }, 60_000);
  expect(rows.filter(([, , count]) => count !== 1)).toEqual([]);
  expect(rows.filter(([id, type]) => sent.get(id) !== type)).toEqual([]);
}, 180_000);

const DEATHS = [segmentNode, posthogNode].flatMap((client) =>
  (["put", "confirm"] as const).map((after) => [client.name, after, client] as const),
);
test.each(DEATHS)(
  "%s: the doors die after the %s and before the answer, the client comes again, and the event is stored once",
  async (_, after, client) => {
    // Which of two processes is first is up to the machine: until the kill was in time, and never wrong before.
    for (let attempt = 1, inTime = false; !inTime; attempt++) {
      expect(attempt).toBeLessThan(10);
      await onItsOwn(rig, client, async (proxy, source, target) => {
        inTime = await killBeforeAnswer(rig, proxy, source, after, () => client.oneCall(target));
        expect((await rig.stored(source)).map(({ event, copies }) => [event, copies])).toEqual([["One", 1]]);
      });
    }
  },
);
