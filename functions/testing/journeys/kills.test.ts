import { setTimeout as wait } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import { LOCAL } from "../../../stacks/local/local-mode.ts";
import { forgetDataDir, newDataDir } from "../data-dir.ts";
import { sql } from "../local-client.ts";
import { eventually, type LocalSystem, portsOf, startLocalSystem, stopLocalSystem } from "../local-system.ts";
import { alive, familyOf } from "../processes.ts";
import { startSteadyClient } from "../steady-client.ts";

/** One process each, then the supervisor alone, then everything at once. */
const KILLS = [
  ...["doors", "workers", "warehouse", "stream", "database", "workers", "doors", "cache", "supervisor", "workers"],
  ...["warehouse", "queues", "group", "stream", "doors", "workers", "database", "supervisor", "warehouse", "group"],
];

const dataDir = await newDataDir();
let system: LocalSystem;
afterAll(async () => {
  await stopLocalSystem(system);
  await forgetDataDir(dataDir);
});

test("20 kills lose nothing that was acknowledged, double nothing that was sent once, and leave no process behind", async () => {
  // Fixed ports, so that the client goes on after a restart of everything.
  system = await startLocalSystem(dataDir);
  const ports = portsOf(system.running());
  const { ingestUrl } = system.running();
  const client = startSteadyClient({ url: () => ingestUrl, writeKey: LOCAL.writeKey, loops: 4, pauseMs: 5 });
  let killedInFlight = 0;

  for (const victim of KILLS) {
    await wait(100 + Math.random() * 300);
    const { pid, children } = system.running();
    const family = familyOf(pid);
    if (client.inFlight() > 0) killedInFlight++;
    if (victim === "group") process.kill(-pid, "SIGKILL");
    else process.kill(victim === "supervisor" ? pid : (children[victim] ?? 0), "SIGKILL");
    if (victim === "supervisor" || victim === "group") {
      await system.exited;
      await eventually(
        async () => expect(alive(family), `orphans after the kill of the ${victim}`).toEqual([]),
        10_000,
      );
      system = await startLocalSystem(dataDir, ports);
    } else {
      await eventually(async () =>
        expect(system.running().children[victim], `${victim}: ${system.output()}`).not.toBe(children[victim]),
      );
    }
    await eventually(async () => expect((await fetch(`${ingestUrl}/ready`)).status).toBe(200));
  }
  await client.stop();
  expect(killedInFlight).toBeGreaterThanOrEqual(5);

  const acknowledged = client.idsOf("ok");
  expect(acknowledged.length).toBeGreaterThan(500);
  const counts = await eventually(async () => {
    const counts = new Map(
      await sql<[string, number]>(system.running(), "SELECT message_id, count() FROM events GROUP BY 1"),
    );
    expect(acknowledged.filter((id) => !counts.has(id))).toEqual([]);
    return counts;
  }, 60_000);
  expect([...counts].filter(([, count]) => count > 1)).toEqual([]);
  expect([...counts.keys()].filter((id) => !client.outcomes.has(id))).toEqual([]);
}, 240_000);

test("after the kills the system stops within 5 s, with nothing left running", async () => {
  const family = familyOf(system.running().pid);
  const asked = performance.now();
  expect(await stopLocalSystem(system)).toBe(0);
  expect(performance.now() - asked).toBeLessThan(5_000);
  await eventually(async () => expect(alive(family)).toEqual([]), 2_000);
});
