import { describe, expect, test } from "vitest";
import { type Fault, type FaultProxy, startFaultProxy } from "./fault-proxy.ts";
import { FOREIGN_CLIENTS } from "./foreign-clients.ts";
import type { NodeClient } from "./node-client.ts";
import { RETRY_AFTER_SECONDS } from "./refusing-door.ts";
import { type RigSource, useRig } from "./rig.ts";
import { SEGMENT_CLIENTS } from "./segment-clients.ts";

const rig = useRig();

/** A source and a way to the door of the test's own. */
async function way(client: NodeClient, run: (proxy: FaultProxy, source: RigSource) => Promise<void>): Promise<void> {
  const proxy = await startFaultProxy(() => rig.running().ingestUrl);
  try {
    await run(proxy, await rig.newSource(client.newKey?.()));
  } finally {
    await proxy.close();
  }
}

// Clients wait before they come again: all wait at the same time.
describe.concurrent.each([...SEGMENT_CLIENTS, ...FOREIGN_CLIENTS])("$name", (client) => {
  test("every call type it has is stored once, and nothing is sent twice", () =>
    way(client, async (proxy, source) => {
      await client.everyCall({ url: proxy.url, writeKey: source.writeKey, sourceId: source.id });
      expect(proxy.calls().map(({ status }) => status)).toEqual(Array(client.requests).fill(200));
      const stored = await rig.stored(source);
      expect(stored.map(({ type, event }) => `${type} ${event}`)).toEqual(client.stored);
      expect(stored.filter(({ copies }) => copies !== 1)).toEqual([]);
    }));

  test.each([
    ["429, then passes", [429], "429"],
    ["503, then passes", [503], "503"],
    ["400", [400], "400"],
    ["413", [413], "413"],
    ["the connection dies after the put", ["lost"], "lost"],
    ["503 for ever", Array(50).fill(503), "503 for ever"],
  ] as [string, Fault[], keyof NodeClient["faults"]][])("%s", (_, faults, rule) =>
    way(client, async (proxy, source) => {
      proxy.next(...faults);
      await client.oneCall({ url: proxy.url, writeKey: source.writeKey, sourceId: source.id });
      const stored = await rig.stored(source);
      const copies = stored.reduce((sum, { copies }) => sum + copies, 0);
      expect({ requests: proxy.calls().length, stored: copies }).toEqual(client.faults[rule]);
      const [first, second] = proxy.calls();
      if (rule === "429" && client.waits && first && second)
        expect(second.atMs - first.atMs).toBeGreaterThan(RETRY_AFTER_SECONDS * 1_000 - 50);
    }),
  );
});
