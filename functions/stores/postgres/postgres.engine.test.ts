import { sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";
import { hashOfToken } from "../../auth/api-token.ts";
import { hashOfKey, writeKeyOf } from "../../registry/write-key.ts";
import { type FreshPostgres, freshPostgres } from "../../testing/fresh-postgres.ts";
import { createTokenByHash } from "./api-tokens.ts";
import { openPostgres } from "./client.ts";
import { LOCAL_SOURCE_ID, seedLocal } from "./local-seed.ts";
import { apiTokens } from "./schema/api-tokens.ts";
import { sources } from "./schema/sources.ts";
import { workspaces } from "./schema/workspaces.ts";
import { writeKeys } from "./schema/write-keys.ts";
import { createSourceByLookup } from "./source-by-lookup.ts";
import { createAddSource } from "./sources.ts";

const WORKSPACE = "00000000-0000-4000-8000-000000000001";
const OTHER = "00000000-0000-4000-8000-00000000000b";
const LOCAL = { workspaceId: WORKSPACE, writeKey: "wk_local", apiToken: "sk_local" };

let fresh: FreshPostgres;
let store: ReturnType<typeof openPostgres>;

beforeAll(async () => {
  fresh = await freshPostgres(inject("engines").database.url);
  store = openPostgres(fresh.url);
});

afterAll(async () => {
  await store.close();
  await fresh.drop();
});

beforeEach(async () => {
  await store.db.delete(workspaces);
  await store.db.insert(workspaces).values([
    { id: WORKSPACE, name: "Shop" },
    { id: OTHER, name: "Other" },
  ]);
});

describe("sources", () => {
  test("the database keeps no key, and no key twice", async () => {
    const addSource = createAddSource(store.db);
    const writeKey = writeKeyOf("wk_abcdefghijklmnopqrstuvwxyz0123456789");
    await addSource({ workspaceId: WORKSPACE, name: "Web", writeKey });
    const kept = await store.db.select().from(writeKeys);
    expect(JSON.stringify(kept)).not.toContain("cdefgh");
    expect(kept).toMatchObject([{ hint: "wk_ab…89" }]);
    const twice = addSource({ workspaceId: OTHER, name: "Copy", writeKey });
    await expect(twice).rejects.toThrow("Postgres refused a statement: code 23505, constraint write_keys_hash_once");
    expect(await store.db.select().from(sources)).toHaveLength(1);
  });

  test("a key cannot belong to a source of another workspace", async () => {
    const { sourceId } = await createAddSource(store.db)({ workspaceId: WORKSPACE, name: "Web" });
    const crossed = { workspaceId: OTHER, sourceId, keyHash: hashOfKey("wk_x"), hint: "wk_…" };
    await expect(store.db.insert(writeKeys).values(crossed)).rejects.toMatchObject({ cause: { code: "23503" } });
  });
});

describe("API tokens", () => {
  test("a token is found by its hash with workspace, scopes and times, expired and revoked ones too", async () => {
    const expiresAt = new Date("2026-01-02T03:04:05.678Z");
    const revokedAt = new Date("2026-01-01T00:00:00.000Z");
    const token = { workspaceId: WORKSPACE, hint: "sk_…", name: "CI", scopes: ["read", 'a,b "c" {d}'] };
    await store.db.insert(apiTokens).values([
      { ...token, tokenHash: hashOfToken("sk_plain") },
      { ...token, tokenHash: hashOfToken("sk_old"), expiresAt, revokedAt, scopes: [] },
    ]);
    const tokenByHash = createTokenByHash(store.db);
    const { workspaceId, scopes } = token;
    expect(await tokenByHash(hashOfToken("sk_plain"))).toEqual({
      workspaceId,
      scopes,
      expiresAt: undefined,
      revokedAt: undefined,
    });
    expect(await tokenByHash(hashOfToken("sk_old"))).toEqual({
      workspaceId,
      scopes: [],
      expiresAt: expiresAt.getTime(),
      revokedAt: revokedAt.getTime(),
    });
    expect(await tokenByHash(hashOfToken("sk_none"))).toBeNull();
  });
});

describe("the local workspace", () => {
  test("has a source, a write key and an API token, and seeding again changes nothing", async () => {
    await store.db.delete(workspaces);
    await seedLocal(store.db, LOCAL);
    await store.db.update(sources).set({ name: "Renamed" });
    await store.db.update(apiTokens).set({ revokedAt: new Date(0) });
    await seedLocal(store.db, LOCAL);
    expect(await store.db.select().from(workspaces)).toMatchObject([
      { id: WORKSPACE, tier: "enterprise", timezone: "UTC" },
    ]);
    expect(await createSourceByLookup(store.db)(hashOfKey("wk_local"))).toEqual({
      id: LOCAL_SOURCE_ID,
      workspaceId: WORKSPACE,
      name: "Renamed",
      enabled: true,
      limits: { windowRequestsMax: null, dayEventsMax: null, own: false },
      lateCheck: true,
      address: "truncate",
      origins: [],
      webhook: null,
      rules: { version: 1, plan: false, suppressed: false },
    });
    expect(await createTokenByHash(store.db)(hashOfToken("sk_local"))).toMatchObject({
      workspaceId: WORKSPACE,
      revokedAt: 0,
    });
    expect(await store.db.select().from(apiTokens)).toHaveLength(1);
  });

  test("is seeded once by two that seed at the same time", async () => {
    await store.db.delete(workspaces);
    await Promise.all([seedLocal(store.db, LOCAL), seedLocal(store.db, LOCAL)]);
    expect(await store.db.select().from(writeKeys)).toHaveLength(1);
    expect(await store.db.select().from(apiTokens)).toHaveLength(1);
  });
});

describe("errors", () => {
  test("a refused statement is a fault whose message quotes no value", async () => {
    const secretName = "Name of a customer";
    const unknownWorkspace = "00000000-0000-4000-8000-0000000000ff";
    const error = await createAddSource(store.db)({ workspaceId: unknownWorkspace, name: secretName }).catch((e) => e);
    expect(error).toMatchObject({
      name: "Error",
      message: "Postgres refused a statement: code 23503, constraint sources_workspace",
    });
    expect(String(error.stack)).not.toContain(secretName);
  });

  test("a statement that takes longer than 5 s ends as unavailable", async () => {
    await store.db.transaction(async (tx) => {
      await tx.execute(sql`lock table write_keys in access exclusive mode`);
      await expect(createSourceByLookup(store.db)(hashOfKey("wk_a"))).rejects.toMatchObject({ code: "unavailable" });
    });
  });

  test("a database that refuses connections is unavailable, with a time to come back", async () => {
    const nobody = openPostgres("postgres://millrace:millrace@127.0.0.1:1/millrace");
    await expect(nobody.ping()).rejects.toMatchObject({ name: "AppError", code: "unavailable", retryAfterSeconds: 5 });
    await expect(createTokenByHash(nobody.db)("x")).rejects.toMatchObject({ code: "unavailable" });
    await nobody.close();
  });
});
