import { eq } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";
import { lookupOfDomain, lookupOfSite } from "../../registry/lookup.ts";
import type { OwnLimits } from "../../registry/source-settings.ts";
import { hashOfKey, writeKeyOf } from "../../registry/write-key.ts";
import { type FreshPostgres, freshPostgres } from "../../testing/fresh-postgres.ts";
import { openPostgres } from "./client.ts";
import { sourceDomains } from "./schema/source-domains.ts";
import { sources } from "./schema/sources.ts";
import { suppressions } from "./schema/suppressions.ts";
import { trackingPlans } from "./schema/tracking-plans.ts";
import { workspaces } from "./schema/workspaces.ts";
import { writeKeys } from "./schema/write-keys.ts";
import { createSourceByLookup } from "./source-by-lookup.ts";
import { createAddSource } from "./sources.ts";

const WORKSPACE = "00000000-0000-4000-8000-000000000001";
const OTHER = "00000000-0000-4000-8000-00000000000b";

let fresh: FreshPostgres;
let store: ReturnType<typeof openPostgres>;
let find: ReturnType<typeof createSourceByLookup>;
let sourceId: string;

beforeAll(async () => {
  fresh = await freshPostgres(inject("engines").database.url);
  store = openPostgres(fresh.url);
  find = createSourceByLookup(store.db);
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
  const added = await createAddSource(store.db)({ workspaceId: WORKSPACE, name: "Web", writeKey: writeKeyOf("wk_a") });
  sourceId = added.sourceId;
});

const byKey = () => find(hashOfKey("wk_a"));
const A_SOURCE = {
  workspaceId: WORKSPACE,
  name: "Web",
  enabled: true,
  limits: { windowRequestsMax: 500, dayEventsMax: 1_000_000, own: false },
  lateCheck: true,
  address: "truncate",
  origins: [],
  webhook: null,
  rules: { version: 1, plan: false, suppressed: false },
};

describe("a source is found", () => {
  test("by the hash of its key, its domain and its own id, and by nothing else", async () => {
    await store.db.insert(sourceDomains).values({ workspaceId: WORKSPACE, sourceId, domain: "shop.example" });
    const found = { id: sourceId, ...A_SOURCE };
    expect(await byKey()).toEqual(found);
    expect(await find(lookupOfDomain("Shop.Example"))).toEqual(found);
    expect(await find(lookupOfSite(sourceId.toUpperCase()))).toEqual(found);
    for (const nothing of [
      "wk_a",
      hashOfKey("wk_b"),
      "",
      sourceId,
      lookupOfDomain("example"),
      lookupOfDomain(""),
      lookupOfSite(WORKSPACE),
      lookupOfSite("nonsense"),
      lookupOfSite("' or true --"),
    ])
      expect(await find(nothing)).toBeNull();
  });

  test("not by a revoked key; another key of it still leads there", async () => {
    await store.db
      .insert(writeKeys)
      .values({ keyHash: hashOfKey("wk_b"), hint: "wk_…", workspaceId: WORKSPACE, sourceId });
    await store.db
      .update(writeKeys)
      .set({ revokedAt: new Date() })
      .where(eq(writeKeys.keyHash, hashOfKey("wk_a")));
    expect(await byKey()).toBeNull();
    expect(await find(hashOfKey("wk_b"))).toMatchObject({ id: sourceId });
  });

  test("when it is switched off, and says so", async () => {
    await store.db.update(sources).set({ enabled: false });
    expect(await byKey()).toMatchObject({ enabled: false });
  });
});

test("a source comes with all that was set of it", async () => {
  const webhook = { event: "kind", user_id: "data.customer.id", message_id: "id" };
  await store.db.update(sources).set({
    lateCheck: false,
    addressPolicy: "hash",
    origins: ["https://shop.example", 'https://a,b"{}.example'],
    webhook,
  });
  expect(await byKey()).toMatchObject({
    lateCheck: false,
    address: "hash",
    origins: ["https://shop.example", 'https://a,b"{}.example'],
    webhook: { event: "kind", userId: "data.customer.id", messageId: "id" },
  });
});

describe("its limits", () => {
  test.each<[name: string, workspace: OwnLimits | null, own: OwnLimits | null, limits: object]>([
    ["are its tier's", null, null, { windowRequestsMax: 2_500, dayEventsMax: 10_000_000, own: false }],
    [
      "are its workspace's own",
      { window_requests_max: 7, day_events_max: null },
      null,
      { windowRequestsMax: 7, dayEventsMax: null, own: false },
    ],
    [
      "are its own",
      null,
      { window_requests_max: 10, day_events_max: 20 },
      { windowRequestsMax: 10, dayEventsMax: 20, own: true },
    ],
    [
      "are never above its workspace's",
      { window_requests_max: 5, day_events_max: 9 },
      { window_requests_max: 10, day_events_max: null },
      { windowRequestsMax: 5, dayEventsMax: 9, own: true },
    ],
  ])("%s", async (_, workspace, own, limits) => {
    await store.db.update(workspaces).set({ tier: "pro", limits: workspace });
    await store.db.update(sources).set({ limits: own });
    expect((await byKey())?.limits).toEqual(limits);
  });
});

test("its rules say what its own workspace has, and nothing of another's", async () => {
  await store.db.insert(trackingPlans).values({ workspaceId: OTHER, mode: "block", unplanned: "allow", events: [] });
  await store.db.insert(suppressions).values({ workspaceId: OTHER, idHash: "0123456789abcdef" });
  expect((await byKey())?.rules).toEqual({ version: 1, plan: false, suppressed: false });
  await store.db
    .insert(trackingPlans)
    .values({ workspaceId: WORKSPACE, mode: "block", unplanned: "allow", events: [] });
  await store.db.insert(suppressions).values({ workspaceId: WORKSPACE, idHash: "0123456789abcdef" });
  await store.db.update(workspaces).set({ rulesVersion: 2 ** 40 });
  expect((await byKey())?.rules).toEqual({ version: 2 ** 40, plan: true, suppressed: true });
});
