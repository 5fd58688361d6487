import { setTimeout as wait } from "node:timers/promises";
import { eq } from "drizzle-orm";
import { Hono } from "hono";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";
import { authorize, hashOfToken } from "../../auth/api-token.ts";
import { SCOPES } from "../../auth/scopes.ts";
import { log } from "../../kit/log.ts";
import { lookupOfDomain, lookupOfSite } from "../../registry/lookup.ts";
import { suppressedHash } from "../../registry/suppressed.ts";
import { hashOfKey } from "../../registry/write-key.ts";
import { createTokenByHash } from "../../stores/postgres/api-tokens.ts";
import { openPostgres } from "../../stores/postgres/client.ts";
import { createManage } from "../../stores/postgres/manage/create-manage.ts";
import { createLoadRules } from "../../stores/postgres/rules.ts";
import { apiTokens } from "../../stores/postgres/schema/api-tokens.ts";
import { auditLog } from "../../stores/postgres/schema/audit-log.ts";
import { suppressions } from "../../stores/postgres/schema/suppressions.ts";
import { workspaces } from "../../stores/postgres/schema/workspaces.ts";
import { writeKeys } from "../../stores/postgres/schema/write-keys.ts";
import { createSchemaStore } from "../../stores/postgres/schemas.ts";
import { createSourceByLookup } from "../../stores/postgres/source-by-lookup.ts";
import { NOW } from "../../testing/builders.ts";
import { type FreshPostgres, freshPostgres } from "../../testing/fresh-postgres.ts";
import { answerError, answerNotFound } from "../answer-error.ts";
import { requestLog } from "../guards/request-log.ts";
import { workspaceGuard } from "../guards/workspace.ts";
import type { DoorVars } from "../vars.ts";
import { manageRoutes } from "./manage.ts";

log.level = "silent";

const WORKSPACE = "00000000-0000-4000-8000-000000000001";
const OTHER = "00000000-0000-4000-8000-00000000000b";
const NOBODY = "00000000-0000-4000-8000-0000000000ff";

let fresh: FreshPostgres;
let store: ReturnType<typeof openPostgres>;
let app: Hono<DoorVars>;
/** What the doors were told to forget; `cache.away` makes telling them fail. */
const forgotten: string[] = [];
const cache = { away: false };

beforeAll(async () => {
  fresh = await freshPostgres(inject("engines").database.url);
  store = openPostgres(fresh.url);
  const manage = createManage(store.db, async (lookups) => {
    if (cache.away) throw new Error("the cache is away");
    forgotten.push(...lookups);
  });
  const countsOf = async (ids: readonly string[], days: readonly string[]) =>
    ids.flatMap((sourceId) => days.map((day) => ({ sourceId, day, counts: { accepted: Number(day.slice(6)) } })));
  const tokenByHash = createTokenByHash(store.db);
  app = new Hono<DoorVars>({ strict: false });
  app.onError(answerError);
  app.notFound(answerNotFound);
  app.use(requestLog("query"));
  app.use(workspaceGuard((given) => authorize({ ...given, localMode: false, tokenByHash, now: () => NOW })));
  app.route("/", manageRoutes({ manage, countsOf, now: () => NOW }));
});

afterAll(async () => {
  await store.close();
  await fresh.drop();
});

const aToken = (token: string, scopes: string[], workspaceId = WORKSPACE) => ({
  workspaceId,
  tokenHash: hashOfToken(token),
  hint: `${token.slice(0, 5)}…`,
  name: token,
  scopes,
});

beforeEach(async () => {
  await store.db.delete(workspaces);
  await store.db.insert(workspaces).values([
    { id: WORKSPACE, name: "Shop" },
    { id: OTHER, name: "Other" },
  ]);
  await store.db
    .insert(apiTokens)
    .values([
      aToken("sk_all", ["*"]),
      aToken("sk_none", []),
      aToken("sk_other", ["*"], OTHER),
      ...SCOPES.map((scope) => aToken(`sk_${scope}`, [scope])),
    ]);
  forgotten.length = 0;
  cache.away = false;
});

type Answer = { status: number; body: Record<string, unknown>; headers: Headers };

async function call(method: string, path: string, body?: unknown, token = "sk_all"): Promise<Answer> {
  const answer = await app.request(path, {
    method,
    headers: token === "" ? {} : { authorization: `Bearer ${token}` },
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  return { status: answer.status, body: (await answer.json()) as Answer["body"], headers: answer.headers };
}
const idIn = ({ body }: Answer) => String(body.id);
const listIn = ({ body }: Answer, name: string) => body[name] as Record<string, unknown>[];
const aSourceId = async (fields: object = {}, token = "sk_all") =>
  idIn(await call("POST", "/sources", { name: "Web", ...fields }, token));
const rulesVersion = async () => (await createLoadRules(store.db)(WORKSPACE)).version;
const auditOf = async (workspaceId = WORKSPACE) =>
  (await store.db.select().from(auditLog).where(eq(auditLog.workspaceId, workspaceId)).orderBy(auditLog.id)).map(
    ({ action, tokenHint }) => `${action} by ${tokenHint}`,
  );

const A_PLAN = { mode: "block", events: [{ event: "Order Completed", schema: { required: ["total"] } }] };

/** Every route, what it needs, and a body that it takes; `:id` and `:keyId` are things of the workspace. */
const ROUTES: [method: string, path: string, scope: string, body?: unknown][] = [
  ["GET", "/workspace", "workspace:read"],
  ["PATCH", "/workspace", "workspace:write", { name: "New" }],
  ["GET", "/audit", "workspace:read"],
  ["GET", "/sources", "sources:read"],
  ["POST", "/sources", "sources:write", { name: "Web" }],
  ["GET", "/sources/:id", "sources:read"],
  ["PATCH", "/sources/:id", "sources:write", { enabled: false }],
  ["DELETE", "/sources/:id", "sources:write"],
  ["GET", "/sources/:id/keys", "sources:read"],
  ["POST", "/sources/:id/keys", "sources:write"],
  ["DELETE", "/sources/:id/keys/:keyId", "sources:write"],
  ["GET", "/sources/:id/counts", "sources:read"],
  ["GET", "/tracking-plan", "plans:read"],
  ["PUT", "/tracking-plan", "plans:write", A_PLAN],
  ["DELETE", "/tracking-plan", "plans:write"],
  ["POST", "/tracking-plan/check", "plans:read", { event: "Order Completed", properties: {} }],
  ["GET", "/schemas", "schemas:read"],
  ["POST", "/schemas/reset", "schemas:write", { key: "identify", property: "traits.plan" }],
  ["POST", "/users/:id/suppress", "privacy:write"],
  ["DELETE", "/users/:id/suppress", "privacy:write"],
  ["GET", "/suppressions/:id", "privacy:read"],
  ["GET", "/tokens", "tokens:read"],
  ["POST", "/tokens", "tokens:write", { name: "CI", scopes: ["tokens:write"] }],
  ["DELETE", "/tokens/:id", "tokens:write"],
];

test("these are all routes, each once", () => {
  const there = app.routes.filter(({ method }) => method !== "ALL").map(({ method, path }) => `${method} ${path}`);
  expect([...new Set(there)].toSorted()).toEqual(ROUTES.map(([method, path]) => `${method} ${path}`).toSorted());
});

/** A route's path with things of the workspace in it. */
async function aPathOf(route: string): Promise<string> {
  await call("PUT", "/tracking-plan", A_PLAN);
  const id = route.startsWith("/tokens/")
    ? idIn(await call("POST", "/tokens", { name: "A", scopes: ["dlq:read"] }))
    : await aSourceId();
  const keyId = route.includes(":keyId") ? idIn(await call("POST", `/sources/${id}/keys`)) : "";
  return route.replace(":keyId", keyId).replace(":id", id);
}

describe.each(ROUTES)("%s %s", (method, route, scope, body) => {
  test("answers who has its scope, and nobody who lacks it", async () => {
    const path = await aPathOf(route);
    const before = await auditOf();
    const refused = await call(method, path, body, "sk_none");
    expect([refused.status, refused.body.code]).toEqual([403, "forbidden"]);
    expect(refused.body.message).toContain(scope);
    for (const other of SCOPES.filter((one) => one !== scope && one !== scope.replace(":read", ":write")))
      expect((await call(method, path, body, `sk_${other}`)).status).toBe(403);
    expect(await auditOf()).toEqual(before);
    const answer = await call(method, path, body, `sk_${scope}`);
    expect(answer.body).not.toHaveProperty("code");
    expect(answer.status).toBe(
      /^POST (\/sources|\/tokens|\/sources\/:id\/keys)$/.test(`${method} ${route}`) ? 201 : 200,
    );
  });

  test("is 401 without a token and with one that is wrong, in the one envelope", async () => {
    const path = await aPathOf(route);
    for (const token of ["", "sk_wrong"]) {
      const { status, body: said } = await call(method, path, body, token);
      expect([status, said.code, said.error]).toEqual([401, "invalid_token", said.message]);
      expect(said.request_id).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  test("shows and changes nothing of another workspace", async () => {
    const path = await aPathOf(route);
    const before = await auditOf();
    const state = JSON.stringify([
      await call("GET", "/sources"),
      await call("GET", "/tokens"),
      await call("GET", "/tracking-plan"),
    ]);
    const { status, body: said } = await call(method, path, body, "sk_other");
    const isOfOne = /\/(sources|tokens)\/:id/.test(route);
    if (isOfOne) expect([status, said.code]).toEqual([404, "not_found"]);
    expect(JSON.stringify(said)).not.toContain("Shop");
    expect(await auditOf()).toEqual(before);
    expect(
      JSON.stringify([
        await call("GET", "/sources"),
        await call("GET", "/tokens"),
        await call("GET", "/tracking-plan"),
      ]),
    ).toBe(state);
    if (!isOfOne) return;
    for (const id of [NOBODY, "nonsense", "%27", "1 or true"]) {
      const other = await call(method, route.replace(":keyId", NOBODY).replace(":id", id), body);
      expect([id, other.status, other.body.code]).toEqual([id, 404, "not_found"]);
    }
  });
});

test.each(ROUTES.filter(([, , , body]) => body !== undefined))(
  "%s %s refuses what is no such body, with the field where there is one",
  async (method, route, _, body) => {
    const path = await aPathOf(route);
    for (const wrong of ["", "{", "null", "[]", '"x"']) {
      const { status, body: said } = await call(method, path, wrong);
      expect([wrong, status]).toEqual([wrong, 400]);
      expect(["invalid_json", "validation_failed"]).toContain(said.code);
    }
    const extra = await call(method, path, { ...(body as object), tier: "enterprise" });
    expect([extra.status, extra.body.field]).toEqual([400, "tier"]);
  },
);

describe("E4 a text that no database takes", () => {
  const cursor = Buffer.from('["a\\u0000","b"]').toString("base64url");
  test.each<[string, string, string | undefined]>([
    ["GET", "/schemas?event=a%00b", undefined],
    ["GET", `/schemas?cursor=${cursor}`, undefined],
    ["POST", "/schemas/reset", '{"key":"track:a\\u0000","property":"properties.x"}'],
    ["POST", "/sources", '{"name":"s","webhook":{"event":"a\\u0000"}}'],
    ["POST", "/sources", '{"name":"s","webhook":{"event":"a\\ud800"}}'],
    ["PUT", "/tracking-plan", '{"mode":"warn","events":[{"event":"a","schema":{"title":"\\u0000"}}]}'],
    ["PUT", "/tracking-plan", '{"mode":"warn","events":[{"event":"a","schema":{"properties":{"\\udc00":{}}}}]}'],
  ])("is a mistake of who sent it: %s %s %s", async (method, path, sent) => {
    const { status, body } = await call(method, path, sent === undefined ? undefined : JSON.parse(sent));
    expect([status, body.code]).toEqual([400, path.includes("cursor") ? "validation_failed" : "invalid_json"]);
  });

  test("is none when it is well formed: emoji and escapes are stored as they are", async () => {
    const { status, body } = await call("POST", "/sources", { name: "é 😀 \\u0000 \ud83d\ude00" });
    expect([status, body.name]).toEqual([201, "é 😀 \\u0000 😀"]);
  });
});

describe("lists", () => {
  const LISTS = ["/sources", "/tokens", "/audit", "/schemas"];

  test.each(LISTS)("%s refuses a limit and a cursor that are none", async (path) => {
    for (const query of ["limit=0", "limit=1001", "limit=x", "limit=1&limit=2", "cursor=x", "cursor=WyJ4Il0"]) {
      const { status, body } = await call("GET", `${path}?${query}`);
      expect([query, status, body.field]).toEqual([query, 400, query.split("=")[0]]);
    }
  });

  test.each([
    ["/sources", "sources"],
    ["/tokens", "tokens"],
    ["/audit", "audit"],
  ])("%s shows each of its things once, page by page", async (path, name) => {
    for (let i = 0; i < 7; i++) {
      await call("POST", "/sources", { name: `S${i}` });
      await call("POST", "/tokens", { name: `T${i}`, scopes: ["dlq:read"] });
    }
    const all = listIn(await call("GET", `${path}?limit=1000`), name).map(({ id }) => id);
    const seen: unknown[] = [];
    let cursor: unknown = "";
    for (let page = 0; cursor !== null && page < 50; page++) {
      const answer = await call("GET", `${path}?limit=3${cursor ? `&cursor=${cursor}` : ""}`);
      expect(listIn(answer, name).length).toBeLessThanOrEqual(3);
      seen.push(...listIn(answer, name).map(({ id }) => id));
      cursor = answer.body.next_cursor;
    }
    expect(seen).toEqual(all);
    expect(all.length).toBeGreaterThanOrEqual(7);
  });
});

describe("the workspace", () => {
  test("is shown with its tier's limits; name and timezone may change", async () => {
    const changed = await call("PATCH", "/workspace", { name: " Störe ", timezone: "Europe/Berlin" });
    expect(changed.body).toEqual({
      id: WORKSPACE,
      name: "Störe",
      tier: "default",
      timezone: "Europe/Berlin",
      limits: { window_requests_max: 500, day_events_max: 1_000_000 },
      created_at: expect.stringMatching(/Z$/),
    });
    expect((await call("GET", "/workspace")).body).toEqual(changed.body);
    expect(await auditOf()).toEqual(["workspace.change by sk_…"]);
  });

  test.each([
    [{ timezone: "Mars/Olympus" }, "timezone"],
    [{ timezone: "+01:00" }, "timezone"],
    [{ name: "" }, "name"],
    [{ name: "a\u001b[31m" }, "name"],
    [{ tier: "enterprise" }, "tier"],
    [{ limits: null }, "limits"],
  ])("does not take %j", async (body, field) => {
    expect(await call("PATCH", "/workspace", body)).toMatchObject({ status: 400, body: { field } });
  });
});

describe("a source", () => {
  const FULL = {
    name: "Shop",
    kind: "webhook",
    enabled: false,
    late_check: false,
    address_policy: "hash",
    origins: ["https://Shop.example", "http://localhost:3000/"],
    domains: ["Shop.Example", "shop.example", "blog.example"],
    webhook: { event: "kind", user_id: "data.user" },
    limits: { window_requests_max: 500, day_events_max: 10 },
  };

  test("is kept as it was asked for, and the door is given all of it", async () => {
    const made = await call("POST", "/sources", FULL);
    expect(made.body).toEqual({
      ...FULL,
      id: idIn(made),
      origins: ["https://shop.example", "http://localhost:3000"],
      domains: ["blog.example", "shop.example"],
      created_at: expect.stringMatching(/Z$/),
    });
    expect((await call("GET", `/sources/${idIn(made)}`)).body).toEqual(made.body);
    expect(await createSourceByLookup(store.db)(lookupOfDomain("blog.example"))).toMatchObject({
      id: idIn(made),
      enabled: false,
      lateCheck: false,
      address: "hash",
      origins: ["https://shop.example", "http://localhost:3000"],
      webhook: { event: "kind", userId: "data.user" },
      limits: { windowRequestsMax: 500, dayEventsMax: 10, own: true },
    });
  });

  test("changes only in what is named, and the doors forget everything that leads to it", async () => {
    const id = await aSourceId({ domains: ["old.example"] });
    const key = String((await call("POST", `/sources/${id}/keys`)).body.write_key);
    const other = await aSourceId({ domains: ["stays.example"] });
    forgotten.length = 0;
    const changed = await call("PATCH", `/sources/${id}`, { enabled: false, domains: ["new.example"] });
    expect(changed.body).toMatchObject({ name: "Web", enabled: false, late_check: true, domains: ["new.example"] });
    const leading = [hashOfKey(key), lookupOfDomain("old.example"), lookupOfDomain("new.example"), lookupOfSite(id)];
    expect(forgotten.toSorted()).toEqual(leading.toSorted());
    expect(forgotten).not.toContain(lookupOfSite(other));
    const find = createSourceByLookup(store.db);
    expect(await find(lookupOfDomain("old.example"))).toBeNull();
    expect(await find(hashOfKey(key))).toMatchObject({ enabled: false });
  });

  test("is gone when it is deleted, with its keys and domains", async () => {
    const id = await aSourceId({ domains: ["shop.example"] });
    const key = String((await call("POST", `/sources/${id}/keys`)).body.write_key);
    forgotten.length = 0;
    expect((await call("DELETE", `/sources/${id}`)).body).toEqual({ deleted: true });
    expect(forgotten).toEqual(expect.arrayContaining([hashOfKey(key), lookupOfDomain("shop.example")]));
    const find = createSourceByLookup(store.db);
    expect(await Promise.all([find(hashOfKey(key)), find(lookupOfDomain("shop.example"))])).toEqual([null, null]);
    expect((await call("DELETE", `/sources/${id}`)).status).toBe(404);
  });

  test("cannot take the domain of another, not even of another workspace, and nothing of the change is kept", async () => {
    await aSourceId({ domains: ["shop.example"] }, "sk_other");
    const taken = await call("POST", "/sources", { name: "Thief", domains: ["mine.example", "shop.example"] });
    expect(taken).toMatchObject({ status: 409, body: { code: "conflict", field: "domains" } });
    expect(listIn(await call("GET", "/sources"), "sources")).toEqual([]);
    expect(await createSourceByLookup(store.db)(lookupOfDomain("mine.example"))).toBeNull();
  });

  test("has no limits above its workspace's", async () => {
    const limits = (window: number | null, day: number | null) => ({
      limits: { window_requests_max: window, day_events_max: day },
    });
    const id = await aSourceId();
    const cases: [number | null, number | null, string | undefined][] = [
      [500, 1_000_000, undefined],
      [501, 10, "limits.window_requests_max"],
      [null, 10, "limits.window_requests_max"],
      [10, 1_000_001, "limits.day_events_max"],
      [10, null, "limits.day_events_max"],
      [0, 10, "limits.window_requests_max"],
    ];
    for (const [window, day, field] of cases)
      expect((await call("PATCH", `/sources/${id}`, limits(window, day))).body.field).toBe(field);
    await store.db.update(workspaces).set({ tier: "enterprise" });
    expect((await call("PATCH", `/sources/${id}`, limits(null, null))).status).toBe(200);
    expect((await call("PATCH", `/sources/${id}`, { limits: null })).body.limits).toBeNull();
  });

  test("is held to its workspace's limits as they are when it is changed", async () => {
    const id = await aSourceId();
    let pending: Promise<Answer> | undefined;
    await store.db.transaction(async (tx) => {
      await tx.update(workspaces).set({ limits: { window_requests_max: 10, day_events_max: 10 } });
      pending = call("PATCH", `/sources/${id}`, { limits: { window_requests_max: 400, day_events_max: 5 } });
      await wait(300);
    });
    expect(await pending).toMatchObject({ status: 400, body: { field: "limits.window_requests_max" } });
  });

  test.each([
    [{ origins: ["shop.example"] }, "origins.0"],
    [{ origins: ["https://a.example/path"] }, "origins.0"],
    [{ origins: ["javascript:alert(1)"] }, "origins.0"],
    [{ domains: ["https://shop.example"] }, "domains.0"],
    [{ address_policy: "all" }, "address_policy"],
    [{ webhook: { userId: "a" } }, "webhook.userId"],
    [{ limits: { window_requests_max: 1 } }, "limits.day_events_max"],
    [{ kind: "webhook" }, "kind"],
    [{ id: NOBODY }, "id"],
  ])("does not take the change %j", async (body, field) => {
    const id = await aSourceId();
    expect(await call("PATCH", `/sources/${id}`, body)).toMatchObject({ status: 400, body: { field } });
  });

  test("counts its days, today first", async () => {
    const id = await aSourceId();
    const { body } = await call("GET", `/sources/${id}/counts?days=2`);
    expect(body).toEqual({
      source_id: id,
      days: [
        { day: "2026-11-21", counts: { accepted: 21 } },
        { day: "2026-11-20", counts: { accepted: 20 } },
      ],
    });
    expect(listIn(await call("GET", `/sources/${id}/counts`), "days")).toHaveLength(7);
    expect((await call("GET", `/sources/${id}/counts?days=41`)).status).toBe(400);
  });
});

describe("a write key", () => {
  test("is shown by the answer that makes it, and nowhere else; the database has its hash only", async () => {
    const id = await aSourceId();
    const made = await call("POST", `/sources/${id}/keys`);
    const secret = String(made.body.write_key);
    expect(secret).toMatch(/^wk_[\w-]{43}$/);
    expect(made.headers.get("cache-control")).toBe("no-store");
    const listed = await call("GET", `/sources/${id}/keys`);
    expect(listIn(listed, "keys")).toEqual([
      { id: idIn(made), hint: made.body.hint, created_at: made.body.created_at, revoked_at: null },
    ]);
    const kept = JSON.stringify([await store.db.select().from(writeKeys), await store.db.select().from(auditLog)]);
    expect(kept + JSON.stringify(listed.body)).not.toContain(secret.slice(5, -2));
    expect(await createSourceByLookup(store.db)(hashOfKey(secret))).toMatchObject({ id });
  });

  test("that is revoked while it is in use is refused from then on, and told to the doors", async () => {
    const id = await aSourceId();
    const [first, second] = [await call("POST", `/sources/${id}/keys`), await call("POST", `/sources/${id}/keys`)];
    const hash = hashOfKey(String(first.body.write_key));
    const find = createSourceByLookup(store.db);
    let ended = false;
    const seen: boolean[] = [];
    const using = (async () => {
      while (!ended) seen.push((await find(hash)) !== null);
    })();
    await expect.poll(() => seen.length).toBeGreaterThan(5);
    forgotten.length = 0;
    const revoked = await call("DELETE", `/sources/${id}/keys/${idIn(first)}`);
    expect(await find(hash)).toBeNull();
    ended = true;
    await using;
    // Found until the moment of the revoke, never again after it.
    expect(seen.lastIndexOf(true)).toBeLessThan(seen.includes(false) ? seen.indexOf(false) : seen.length);
    expect(forgotten).toEqual([hash]);
    expect(await find(hashOfKey(String(second.body.write_key)))).not.toBeNull();
    const again = await call("DELETE", `/sources/${id}/keys/${idIn(first)}`);
    expect(again.body).toEqual(revoked.body);
    expect((await auditOf()).filter((line) => line.startsWith("key.revoke"))).toHaveLength(1);
  });

  test("is not revoked through another source", async () => {
    const [mine, other] = [await aSourceId(), await aSourceId()];
    const key = await call("POST", `/sources/${mine}/keys`);
    expect((await call("DELETE", `/sources/${other}/keys/${idIn(key)}`)).status).toBe(404);
    expect(await createSourceByLookup(store.db)(hashOfKey(String(key.body.write_key)))).not.toBeNull();
  });

  test("is revoked although the cache is away", async () => {
    const id = await aSourceId();
    const key = await call("POST", `/sources/${id}/keys`);
    cache.away = true;
    expect((await call("DELETE", `/sources/${id}/keys/${idIn(key)}`)).status).toBe(200);
    expect(await createSourceByLookup(store.db)(hashOfKey(String(key.body.write_key)))).toBeNull();
  });
});

describe("the tracking plan", () => {
  test("is stored as it was sent, and its change is a new version that all sources are told of", async () => {
    expect((await call("GET", "/tracking-plan")).status).toBe(404);
    const id = await aSourceId();
    const before = await rulesVersion();
    forgotten.length = 0;
    const put = await call("PUT", "/tracking-plan", A_PLAN);
    const stored = { mode: "block", unplanned: "allow", events: [{ type: "track", ...A_PLAN.events[0] }] };
    expect(put.body).toEqual({ ...stored, updated_at: expect.stringMatching(/Z$/) });
    expect((await call("GET", "/tracking-plan")).body).toEqual(put.body);
    expect(await createLoadRules(store.db)(WORKSPACE)).toEqual({
      version: before + 1,
      plan: stored,
      suppressed: new Set(),
    });
    expect(forgotten).toEqual([lookupOfSite(id)]);
    expect((await call("DELETE", "/tracking-plan")).body).toEqual({ deleted: true });
    expect((await call("DELETE", "/tracking-plan")).body).toEqual({ deleted: false });
    expect(await createLoadRules(store.db)(WORKSPACE)).toMatchObject({ version: before + 2, plan: null });
  });

  test.each([
    [{ ...A_PLAN, mode: "no" }, "mode"],
    [
      { mode: "warn", events: [{ event: "A", schema: { properties: { a: { pattern: "(?=a)" } } } }] },
      "events.0.schema.properties.a.pattern",
    ],
    [{ mode: "warn", events: [{ event: "A", schema: { $ref: "http://169.254.169.254/" } }] }, "events.0.schema.$ref"],
  ])("that is wrong is refused with the place, and the old one stays", async (plan, field) => {
    await call("PUT", "/tracking-plan", A_PLAN);
    const before = await rulesVersion();
    expect(await call("PUT", "/tracking-plan", plan)).toMatchObject({
      status: 400,
      body: { code: "validation_failed", field },
    });
    expect([(await call("GET", "/tracking-plan")).body.mode, await rulesVersion()]).toEqual(["block", before]);
  });

  test("larger than 512 KB is refused", async () => {
    const schema = { description: "x".repeat(530_000) };
    const { status } = await call("PUT", "/tracking-plan", { mode: "warn", events: [{ event: "A", schema }] });
    expect(status).toBe(413);
  });

  test("says what would break it", async () => {
    await call("PUT", "/tracking-plan", { ...A_PLAN, unplanned: "warn" });
    const check = async (event: string, properties: object) =>
      (await call("POST", "/tracking-plan/check", { type: "track", event, properties })).body.violations;
    expect(await check("Order Completed", { total: 1 })).toEqual([]);
    expect(await check("Order Completed", {})).toEqual([
      { mode: "block", field: "properties.total", message: "properties.total is required by the tracking plan." },
    ]);
    expect(await check("Typo", {})).toMatchObject([{ mode: "warn", field: "event" }]);
  });
});

describe("schemas", () => {
  beforeEach(() =>
    createSchemaStore(store.db).learn(WORKSPACE, [
      { key: "track:Order", property: "properties.price", type: "string" },
      { key: "track:Order", property: "properties.a", type: "array" },
      { key: "track:Other", property: "properties.a", type: "number" },
      { key: "identify", property: "traits.plan", type: "boolean" },
    ]),
  );

  test.each([
    ["", 4],
    ["?type=track", 3],
    ["?type=track&event=Order", 2],
    ["?event=Order", 2],
    ["?type=identify", 1],
    ["?type=page", 0],
    ["?event=%25", 0],
  ])("with %s are %i properties", async (query, count) => {
    expect(listIn(await call("GET", `/schemas${query}`), "schemas")).toHaveLength(count);
  });

  test("come page by page, in order", async () => {
    const first = await call("GET", "/schemas?type=track&limit=2");
    const second = await call("GET", `/schemas?type=track&limit=2&cursor=${first.body.next_cursor}`);
    expect(
      [...listIn(first, "schemas"), ...listIn(second, "schemas")].map(({ event, property }) => [event, property]),
    ).toEqual([
      ["Order", "properties.a"],
      ["Order", "properties.price"],
      ["Other", "properties.a"],
    ]);
    expect(second.body.next_cursor).toBeNull();
    expect(listIn(first, "schemas")[0]).toEqual({
      key: "track:Order",
      type: "track",
      event: "Order",
      property: "properties.a",
      property_type: "array",
      learned_at: expect.stringMatching(/Z$/),
    });
  });

  test("forget a type when it is reset, tell the doors, and say what to replay", async () => {
    const before = await rulesVersion();
    const id = await aSourceId();
    forgotten.length = 0;
    const body = { key: "track:Order", property: "properties.price" };
    expect((await call("POST", "/schemas/reset", body)).body).toEqual({
      reset: true,
      replay: { filter: { code: "schema_conflict", field: "properties.price", type: "track", event: "Order" } },
    });
    expect([await rulesVersion(), forgotten]).toEqual([before + 1, [lookupOfSite(id)]]);
    const left = (await createSchemaStore(store.db).load(WORKSPACE, ["track:Order"])).schemas.get("track:Order");
    expect(left?.types).toEqual([["properties.a", "array"]]);
    expect((await call("POST", "/schemas/reset", body)).body.reset).toBe(false);
    expect(await rulesVersion()).toBe(before + 1);
    const traits = await call("POST", "/schemas/reset", { key: "identify", property: "traits.plan" });
    expect(traits.body.replay).toEqual({ filter: { code: "schema_conflict", field: "traits.plan", type: "identify" } });
  });

  test("of another workspace are not reset", async () => {
    await call("POST", "/schemas/reset", { key: "identify", property: "traits.plan" }, "sk_other");
    expect(listIn(await call("GET", "/schemas?type=identify"), "schemas")).toHaveLength(1);
  });
});

describe("a person", () => {
  test.each(["u-1", "a/b%c?d#e", "ü 💥", "u@example.com"])(
    "called %s is suppressed, asked about and let back",
    async (id) => {
      const path = encodeURIComponent(id);
      const before = await rulesVersion();
      expect((await call("POST", `/users/${path}/suppress`)).body).toEqual({ suppressed: true });
      expect((await call("POST", `/users/${path}/suppress`)).status).toBe(200);
      expect((await call("GET", `/suppressions/${path}`)).body).toEqual({ suppressed: true });
      expect((await call("GET", `/suppressions/${path}`, undefined, "sk_other")).body).toEqual({ suppressed: false });
      const rules = await createLoadRules(store.db)(WORKSPACE);
      expect([rules.version, rules.suppressed]).toEqual([before + 1, new Set([suppressedHash(WORKSPACE, id)])]);
      const kept = JSON.stringify([await store.db.select().from(suppressions), await store.db.select().from(auditLog)]);
      expect(kept).not.toContain(id);
      expect((await call("DELETE", `/users/${path}/suppress`)).body).toEqual({ suppressed: false });
      expect((await call("GET", `/suppressions/${path}`)).body).toEqual({ suppressed: false });
      expect(await rulesVersion()).toBe(before + 2);
    },
  );

  test("whose id is too long is refused", async () => {
    expect(await call("POST", `/users/${"u".repeat(513)}/suppress`)).toMatchObject({
      status: 400,
      body: { field: "id" },
    });
  });
});

describe("an API token", () => {
  test("is shown once, and works with its scopes until it is revoked", async () => {
    const made = await call("POST", "/tokens", { name: "CI", scopes: ["sources:read", "sources:read"] });
    const secret = String(made.body.token);
    expect(secret).toMatch(/^sk_[\w-]{43}$/);
    expect(made.body).toMatchObject({ name: "CI", scopes: ["sources:read"], expires_at: null, revoked_at: null });
    expect((await call("GET", "/sources", undefined, secret)).status).toBe(200);
    expect((await call("POST", "/sources", { name: "x" }, secret)).status).toBe(403);
    const listed = await call("GET", "/tokens?limit=1000");
    expect(JSON.stringify([listed.body, await store.db.select().from(apiTokens)])).not.toContain(secret.slice(5, -2));
    await call("DELETE", `/tokens/${idIn(made)}`);
    expect((await call("GET", "/sources", undefined, secret)).status).toBe(401);
    expect((await call("DELETE", `/tokens/${idIn(made)}`)).status).toBe(200);
  });

  test("gives away nothing that it lacks", async () => {
    const give = (scopes: string[]) => call("POST", "/tokens", { name: "x", scopes }, "sk_tokens:write");
    for (const scopes of [["*"], ["tokens:write", "dlq:read"], ["sources:write"]])
      expect(await give(scopes)).toMatchObject({ status: 403, body: { field: "scopes" } });
    expect((await give(["tokens:read", "tokens:write"])).status).toBe(201);
    expect((await call("POST", "/tokens", { name: "x", scopes: ["*"] })).status).toBe(201);
  });

  test("ends when it is to", async () => {
    const at = (ms: number) => new Date(NOW + ms).toISOString();
    const made = await call("POST", "/tokens", { name: "x", scopes: ["*"], expires_at: at(1_000) });
    expect([made.status, made.body.expires_at]).toEqual([201, at(1_000)]);
    expect((await call("POST", "/tokens", { name: "x", scopes: ["*"], expires_at: at(0) })).body.field).toBe(
      "expires_at",
    );
    await store.db
      .update(apiTokens)
      .set({ expiresAt: new Date(NOW) })
      .where(eq(apiTokens.id, idIn(made)));
    expect((await call("GET", "/sources", undefined, String(made.body.token))).status).toBe(401);
  });
});

test("changes of one workspace at the same time all count", async () => {
  const before = await rulesVersion();
  await Promise.all(
    Array.from({ length: 12 }, (_, i) =>
      i % 2 ? call("PUT", "/tracking-plan", A_PLAN) : call("POST", `/users/u-${i}/suppress`),
    ),
  );
  expect(await rulesVersion()).toBe(before + 12);
  expect(await auditOf()).toHaveLength(12);
});

test("a database that is away is a 503, not an unknown token", async () => {
  const nobody = openPostgres("postgres://millrace:millrace@127.0.0.1:1/millrace");
  const away = new Hono<DoorVars>();
  away.onError(answerError);
  away.use(requestLog("query"));
  const tokenByHash = createTokenByHash(nobody.db);
  away.use(workspaceGuard((given) => authorize({ ...given, localMode: true, tokenByHash, now: () => NOW })));
  const manage = createManage(nobody.db, async () => {});
  away.route("/", manageRoutes({ manage, countsOf: async () => [], now: () => NOW }));
  const headers = { "x-workspace-id": WORKSPACE };
  for (const [method, path, , body] of ROUTES) {
    const url = path.replace(":keyId", NOBODY).replace(":id", NOBODY);
    const answer = await away.request(url, {
      method,
      headers,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    expect([url, answer.status, answer.headers.get("retry-after")]).toEqual([url, 503, "5"]);
  }
  await nobody.close();
});

test("a workspace that does not exist is not found by those who may name one (local mode)", async () => {
  const local = new Hono<DoorVars>();
  local.onError(answerError);
  local.use(requestLog("query"));
  const authority = { localMode: true, tokenByHash: async () => null, now: () => NOW };
  local.use(workspaceGuard((given) => authorize({ ...given, ...authority })));
  const manage = createManage(store.db, async () => {});
  local.route("/", manageRoutes({ manage, countsOf: async () => [], now: () => NOW }));
  const headers = { "x-workspace-id": NOBODY };
  const body = JSON.stringify({ name: "Web" });
  expect((await local.request("/workspace", { headers })).status).toBe(404);
  expect((await local.request("/sources", { method: "POST", headers, body })).status).toBe(404);
});
