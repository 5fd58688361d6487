import { eq } from "drizzle-orm";
import { expect, inject, onTestFinished, test } from "vitest";
import { hashOfKey } from "../../../functions/registry/write-key.ts";
import { openPostgres } from "../../../functions/stores/postgres/client.ts";
import { seedLocal } from "../../../functions/stores/postgres/local-seed.ts";
import { sources } from "../../../functions/stores/postgres/schema/sources.ts";
import { writeKeys } from "../../../functions/stores/postgres/schema/write-keys.ts";
import { createSourceByLookup } from "../../../functions/stores/postgres/source-by-lookup.ts";
import { freshPostgres } from "../../../functions/testing/fresh-postgres.ts";
import { LOCAL } from "../local-mode.ts";
import { addDemoSources } from "./sources.ts";

async function aWorkspace() {
  const fresh = await freshPostgres(inject("engines").database.url);
  const { db, close } = openPostgres(fresh.url);
  onTestFinished(async () => {
    await close();
    await fresh.drop();
  });
  await seedLocal(db, LOCAL);
  return { db, url: fresh.url };
}

test("each of the shop's systems gets a source and a key of its own, in the local workspace", async () => {
  const { db, url } = await aWorkspace();
  const keys = await addDemoSources(url);
  const found = await Promise.all(Object.values(keys).map((key) => createSourceByLookup(db)(hashOfKey(key))));
  expect(found.map((source) => source?.name)).toEqual(["Shop (web)", "Shop (app)", "Shop (server)"]);
  expect(new Set(found.map((source) => source?.id)).size).toBe(3);
  expect(found.every((source) => source?.workspaceId === LOCAL.workspaceId && source.enabled)).toBe(true);
});

test("doing it again changes nothing, and a revoked key stays revoked", async () => {
  const { db, url } = await aWorkspace();
  const { app } = await addDemoSources(url);
  await db
    .update(writeKeys)
    .set({ revokedAt: new Date() })
    .where(eq(writeKeys.keyHash, hashOfKey(app)));
  const all = () => Promise.all([db.select().from(sources), db.select().from(writeKeys)]);
  const before = await all();
  expect(await addDemoSources(url)).toMatchObject({ app });
  expect(await all()).toEqual(before);
});
