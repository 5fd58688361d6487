import { expect, test, vi } from "vitest";
import { manage, post, sql } from "../local-client.ts";
import { eventually } from "../local-system.ts";
import { useLocalSystem } from "../use-local-system.ts";

vi.setConfig({ testTimeout: 300_000 });
const system = useLocalSystem();

// biome-ignore lint/suspicious/noExplicitAny: answers are read by the tests that know them
const ask = (path: string, body?: object) => manage<any>(system.running(), body ? "POST" : "GET", path, body);
const stored = () => sql(system.running(), "SELECT message_id, count() FROM events GROUP BY message_id ORDER BY 1");
const track = (messageId: string) =>
  post(system.running(), "/v1/track", { event: "Order", userId: "u1", messageId, timestamp: new Date().toISOString() });
const WIDE = { from: "2020-01-01", to: "2100-01-01" };

test("what is accepted is in the archive a little later, also by workers that were killed, and comes back from it to an empty table", async () => {
  for (const id of ["a-1", "a-2", "a-3"]) await track(id);
  process.kill(system.running().children.workers ?? 0, "SIGKILL");
  await track("a-4");
  const rows = ["a-1", "a-2", "a-3", "a-4"].map((id) => [id, 1]);
  await eventually(async () => expect(await stored()).toEqual(rows), 60_000);
  await eventually(async () => {
    expect((await ask("/archive/replay", { ...WIDE, dry_run: true })).body).toMatchObject({ events: 4, skipped: 0 });
  }, 60_000);
  const { body } = await ask("/archive");
  expect(body.hours.reduce((sum: number, { events }: { events: number }) => sum + events, 0)).toBeGreaterThanOrEqual(4);

  await sql(system.running(), "TRUNCATE TABLE events SYNC");
  expect(await ask("/archive/replay", WIDE)).toMatchObject({ status: 202, body: { events: 4, truncated: false } });
  await eventually(async () => expect(await stored()).toEqual(rows), 60_000);
});
