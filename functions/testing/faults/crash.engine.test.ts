import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, inject, test, vi } from "vitest";
import { type Child, startChild } from "../../../stacks/local/child.ts";
import { log } from "../../kit/log.ts";
import type { Tenant } from "../engine-system.ts";
import type { DoorOptions, DoorReady } from "./door-process.ts";
import { anEvent, type FaultySystem, idsOf, openFaultySystem } from "./faulty-system.ts";
import { createScript } from "./schedule.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
log.level = "silent";

let system: FaultySystem;
let shop: Tenant;
beforeAll(async () => {
  system = await openFaultySystem(inject("engines"), createScript({}));
  shop = await system.tenant();
});
afterAll(() => system?.close());

const startDoor = (script: DoorOptions["script"]): Promise<Child<DoorReady>> =>
  startChild<DoorOptions, DoorReady>(
    fileURLToPath(new URL("door-process.ts", import.meta.url)),
    { stores: system.settings, script },
    { env: { LOG_LEVEL: "silent" } },
  );

/** Sends to a door that dies of it; resolves when it is gone, without an answer. */
async function dyingDoor(script: DoorOptions["script"], body: object): Promise<void> {
  const door = await startDoor(script);
  const call = fetch(`${door.ready.url}/v1/batch`, {
    method: "POST",
    headers: { "x-write-key": shop.writeKey },
    body: JSON.stringify(body),
  });
  await expect(call).rejects.toThrow();
  expect(await door.exited).toEqual({ code: null, signal: "SIGKILL" });
}
const claimOf = (id: string) => system.cache.client.get<string>(`dedup:${shop.workspaceId}:${id}`);
const stored = (ids: readonly string[]) => system.storedOf(shop, ids);

test("F5 a door that is killed between claim and put has burned nothing: the retry is accepted and stored", async () => {
  const ids = idsOf(20, "f5");
  const batch = ids.map((id) => anEvent(id));
  await dyingDoor({ putFrames: ["kill"] }, { batch });
  expect(await claimOf("f5-0")).toMatch(/^p:/);
  expect(await stored(ids)).toEqual([]);
  const { status, body } = await system.post(shop, "/v1/batch", { batch });
  expect([status, body.accepted, body.duplicates]).toEqual([200, 20, 0]);
  expect((await stored(ids)).toSorted()).toEqual(ids.toSorted());
});

test("F6 a door that is killed between put and confirm: the retry is taken as a suspect, and is one row", async () => {
  const ids = idsOf(20, "f6");
  const batch = ids.map((id) => anEvent(id));
  await dyingDoor({ settleClaims: ["kill"] }, { batch });
  expect(await claimOf("f6-0")).toMatch(/^p:/);
  const { status, body } = await system.post(shop, "/v1/batch", { batch });
  expect([status, body.accepted, body.duplicates]).toEqual([200, 20, 0]);
  const lying = (await system.onStream()).filter(({ id }) => id === "f6-0");
  expect(lying.map(({ suspect }) => suspect)).toEqual([false, true]);
  expect((await stored(ids)).toSorted()).toEqual(ids.toSorted());
  // The first copy in the table already when the retry comes: the same.
  expect((await system.post(shop, "/v1/batch", { batch })).body).toMatchObject({ accepted: 0, duplicates: 20 });
});

test("F6 the same, and the first copy is in the table before the retry comes", async () => {
  const batch = [anEvent("f6-stored")];
  await dyingDoor({ settleClaims: ["kill"] }, { batch });
  expect(await stored(["f6-stored"])).toEqual(["f6-stored"]);
  expect((await system.post(shop, "/v1/batch", { batch })).status).toBe(200);
  expect(await stored(["f6-stored"])).toEqual(["f6-stored"]);
});

test("F6 a door that is killed while its events lie in the spill queue: they are stored once, with the retry", async () => {
  const batch = [anEvent("f6-spilled")];
  // Each put fails until the budget is over, then the queue takes the frame.
  const failing = Array.from({ length: 100 }, () => "fail-before" as const);
  await dyingDoor({ putFrames: failing, settleClaims: ["kill"] }, { batch });
  expect((await system.post(shop, "/v1/batch", { batch })).status).toBe(200);
  expect(await stored(["f6-spilled"])).toEqual(["f6-spilled"]);
});
