import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { SdkClient, Target } from "./client.ts";
import { type Fault, type FaultProxy, startFaultProxy } from "./fault-proxy.ts";
import { RETRY_AFTER_SECONDS } from "./refusing-door.ts";
import type { Rig, RigSource, WantedSource } from "./rig.ts";

/** What every client's calls carry, where it can carry it. */
const ORDER = "type = 'track' AND event = 'Order Completed' AND toString(properties.total) = '9.5'";
const WITH_PLAN = "type = 'identify' AND toString(traits.plan) = 'pro'";

/** What takes longest first, so that the rest is done meanwhile. */
const FAULTS: [title: string, faults: Fault[], rule: keyof SdkClient["faults"]][] = [
  ["503 for ever", Array(50).fill(503), "503 for ever"],
  ["429, then taken", [429], "429"],
  ["503, then taken", [503], "503"],
  ["400", [400], "400"],
  ["413", [413], "413"],
  ["the connection dies after the put", ["lost"], "lost"],
];

/**
 * The tests of clients: all they can call is stored once in as few requests as they make, and faults leave exact counts.
 * Acceptance 1 and 3. They run at the same time, because clients wait before they come again.
 */
export function testClients(rig: Rig, clients: readonly SdkClient[]): void {
  describe.concurrent.each(clients)("$name", (client) => {
    const titled = FAULTS.map(([title, faults, rule]) => {
      const { requests, stored } = client.faults[rule];
      return [`${title}: ${requests} requests by its own rules, ${stored} stored`, faults, rule] as const;
    });
    test.each(titled)("%s", (_, faults, rule) =>
      onItsOwn(rig, client, async (proxy, source, target) => {
        proxy.next(...faults);
        await client.oneCall(target);
        const stored = await rig.stored(source);
        const copies = stored.reduce((sum, { copies }) => sum + copies, 0);
        expect({ requests: proxy.calls().length, stored: copies }).toEqual(client.faults[rule]);
        const [first, second] = proxy.calls();
        if (rule === "429" && client.waits && first && second)
          expect(second.atMs - first.atMs).toBeGreaterThan(RETRY_AFTER_SECONDS * 1_000 - 50);
      }),
    );

    test("every call type it has is stored once, and nothing is sent twice", () =>
      onItsOwn(rig, client, async (proxy, source, target) => {
        await client.everyCall(target);
        expect(proxy.calls().map(({ status }) => status)).toEqual(Array(client.requests).fill(200));
        // Settings and flags are asked for once, and a preflight is at most one a request: it is kept.
        const others = proxy.others();
        expect(others.filter(({ status = 0 }) => status < 200 || status > 204)).toEqual([]);
        const [preflights, questions] = [
          others.filter(({ method }) => method === "OPTIONS"),
          others.filter(({ method }) => method !== "OPTIONS"),
        ];
        expect(new Set(questions.map(({ path }) => path)).size).toBe(questions.length);
        expect(preflights.length).toBeLessThanOrEqual(questions.length + client.requests);
        const stored = await rig.stored(source);
        expect(stored.map(({ type, event }) => `${type} ${event}`)).toEqual(client.stored);
        expect(stored.filter(({ copies }) => copies !== 1)).toEqual([]);
        expect(await rig.count(source, ORDER)).toBe(1);
        expect(await rig.count(source, WITH_PLAN)).toBe(client.stored.includes("identify ") ? 1 : 0);
      }));
  });
}

/** With a source and a way to the door that nothing else uses. */
export async function onItsOwn(
  rig: Rig,
  client: Pick<SdkClient, "newKey"> & Pick<WantedSource, "windowRequestsMax">,
  run: (proxy: FaultProxy, source: RigSource, target: Target) => Promise<void>,
): Promise<void> {
  const proxy = await startFaultProxy(() => rig.running().ingestUrl);
  try {
    // Browsers reach every name under localhost here.
    const domain = `shop-${randomUUID()}.localhost`;
    const source = await rig.newSource({
      writeKey: client.newKey?.(),
      domain,
      windowRequestsMax: client.windowRequestsMax,
    });
    await run(proxy, source, { url: proxy.url, writeKey: source.writeKey, sourceId: source.id, domain });
  } finally {
    await proxy.close();
  }
}
