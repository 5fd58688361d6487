import { hash } from "node:crypto";
import { join } from "node:path";
import { eq } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test, vi } from "vitest";
import { startChild } from "../../../stacks/local/child.ts";
import { createMemory } from "../../../stacks/local/engines/cache/memory.ts";
import { type RestDoor, serveRest } from "../../../stacks/local/engines/cache/rest.ts";
import { type EngineReady, engineFile } from "../../../stacks/local/engines/list.ts";
import { wire } from "../../entry/ingest.ts";
import { log } from "../../kit/log.ts";
import { openStores } from "../../stores/open.ts";
import { openPostgres } from "../../stores/postgres/client.ts";
import { workspaces } from "../../stores/postgres/schema/workspaces.ts";
import { writeKeys } from "../../stores/postgres/schema/write-keys.ts";
import { createAddSource } from "../../stores/postgres/sources.ts";
import { forgetDataDir, newDataDir } from "../data-dir.ts";
import { type EngineSystem, openEngineSystem, type Tenant } from "../engine-system.ts";
import { freshPostgres } from "../fresh-postgres.ts";
import { anEvent } from "./faulty-system.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
log.level = "silent";

const SECOND = 1_000;
let system: EngineSystem;
let cache: RestDoor;
let backend: ReturnType<typeof createMemory>;
beforeAll(async () => {
  // The clock of doors and cache is the test's own from here on; engines in other processes keep theirs.
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
  backend = createMemory({ now: Date.now, keysMax: 100_000 });
  cache = await serveRest(backend, { port: 0, token: "local" });
  system = await openEngineSystem(inject("engines"));
});
afterAll(async () => {
  vi.useRealTimers();
  await system?.close();
  await cache.stop();
  await backend.stop();
});

/** A process of the door, which hears of no change: nobody listens for it. */
const aDoor = (postgresUrl = system.settings.postgresUrl) => {
  const redis = { url: `http://127.0.0.1:${cache.port}`, token: "local" };
  return wire(openStores({ ...system.settings, redis, postgresUrl }), { localMode: true });
};
let sent = 0;
async function statusOf(door: ReturnType<typeof aDoor>, { writeKey }: Pick<Tenant, "writeKey">) {
  const headers = { "x-write-key": writeKey };
  const body = JSON.stringify(anEvent(`key-${++sent}`));
  const response = await door.request("/v1/track", { method: "POST", headers, body });
  return { status: response.status, body: (await response.json()) as { code?: string }, headers: response.headers };
}
const passes = (ms: number) => vi.setSystemTime(Date.now() + ms);

describe("F31 a key that is revoked, and nobody was told", () => {
  test("is refused within 65 s: 60 in the cache and 5 in the isolate that asked it last", async () => {
    const shop = await system.tenant();
    const [old, late] = [aDoor(), aDoor()];
    expect((await statusOf(old, shop)).status).toBe(200);
    // Revoked behind everybody's back: no message, no entry deleted.
    await system.database
      .update(writeKeys)
      .set({ revokedAt: new Date() })
      .where(eq(writeKeys.keyHash, hash("sha256", shop.writeKey)));
    expect((await statusOf(old, shop)).status).toBe(200);
    passes(59.9 * SECOND);
    // The worst case: an isolate that reads the cache at its very last moment.
    expect((await statusOf(late, shop)).status).toBe(200);
    passes(5.1 * SECOND);
    for (const door of [old, late, aDoor()]) {
      const { status, body } = await statusOf(door, shop);
      expect([status, body.code]).toEqual([401, "invalid_write_key"]);
    }
  });

  test("holds no other key up, and a key that was wrong for a moment works once it is made", async () => {
    const [shop, other] = [await system.tenant(), await system.tenant()];
    const door = aDoor();
    await system.database.update(writeKeys).set({ revokedAt: new Date() }).where(eq(writeKeys.sourceId, shop.sourceId));
    expect((await statusOf(door, shop)).status).toBe(401);
    expect((await statusOf(door, other)).status).toBe(200);
    await system.database.update(writeKeys).set({ revokedAt: null }).where(eq(writeKeys.sourceId, shop.sourceId));
    passes(1_001);
    expect((await statusOf(door, shop)).status).toBe(200);
  });
});

describe("F32 while Postgres is down", () => {
  let dataDir: string;
  const engine = (port: number) =>
    startChild<unknown, EngineReady>(engineFile("database"), { dataDir: join(dataDir, "database"), port });
  beforeEach(async () => {
    dataDir = await newDataDir();
    return () => forgetDataDir(dataDir);
  });

  test("cached keys carry for their time, then it is 503 with Retry-After and never 401; back, it is 200 again", async () => {
    const first = await engine(0);
    const database = await freshPostgres(first.ready.url);
    const own = await openTenant(database.url);
    const door = aDoor(database.url);
    expect((await statusOf(door, own)).status).toBe(200);
    process.kill(first.pid, "SIGKILL");
    await first.exited;

    // The isolate's 5 s are over, the cache's 60 s are not.
    passes(30 * SECOND);
    for (const carrying of [door, aDoor(database.url)]) expect((await statusOf(carrying, own)).status).toBe(200);
    passes(31 * SECOND);
    for (const away of [door, aDoor(database.url)]) {
      const { status, body, headers } = await statusOf(away, own);
      expect([status, body.code]).toEqual([503, "unavailable"]);
      expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
    }
    // A key that nobody has cannot be told from one that cannot be checked.
    expect((await statusOf(aDoor(database.url), { writeKey: "wk_nobody" })).status).toBe(503);

    const again = await engine(first.ready.port);
    await expect.poll(async () => (await statusOf(door, own)).status, { timeout: 60_000, interval: 250 }).toBe(200);
    expect((await statusOf(aDoor(database.url), { writeKey: "wk_nobody" })).status).toBe(401);
    await again.stop();
  });
});

/** A tenant in a database of its own. */
async function openTenant(url: string): Promise<Pick<Tenant, "writeKey">> {
  const { db, close } = openPostgres(url);
  const workspaceId = "00000000-0000-4000-8000-0000000000f3";
  await db.insert(workspaces).values({ id: workspaceId, name: "Test", tier: "enterprise" });
  const { writeKey } = await createAddSource(db)({ workspaceId, name: "Shop" });
  await close();
  return { writeKey: writeKey.reveal() };
}
