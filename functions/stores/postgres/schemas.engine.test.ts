import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";
import { EVENT_NAMES_LEARNED_MAX, PROPERTIES_LEARNED_MAX, type TypedProperty } from "../../registry/event-schema.ts";
import { type FreshPostgres, freshPostgres } from "../../testing/fresh-postgres.ts";
import { openPostgres } from "./client.ts";
import { schemas } from "./schema/schemas.ts";
import { workspaces } from "./schema/workspaces.ts";
import { createSchemaStore, type SchemaStore } from "./schemas.ts";

const WORKSPACE = "00000000-0000-4000-8000-000000000001";
const OTHER = "00000000-0000-4000-8000-00000000000b";
const KEY = "track:Order Completed";

let fresh: FreshPostgres;
let stores: ReturnType<typeof openPostgres>[];
let store: SchemaStore;

beforeAll(async () => {
  fresh = await freshPostgres(inject("engines").database.url);
  stores = [openPostgres(fresh.url), openPostgres(fresh.url)];
});

afterAll(async () => {
  await Promise.all(stores.map(({ close }) => close()));
  await fresh.drop();
});

const db = () => {
  const [first] = stores;
  if (!first) throw new Error("not opened");
  return first.db;
};

beforeEach(async () => {
  await db().delete(workspaces);
  await db()
    .insert(workspaces)
    .values([
      { id: WORKSPACE, name: "Shop", rulesVersion: 7 },
      { id: OTHER, name: "Other" },
    ]);
  store = createSchemaStore(db());
});

const aProperty = (property: string, fields: Partial<TypedProperty> = {}): TypedProperty => ({
  key: KEY,
  property: `properties.${property}`,
  type: "string",
  ...fields,
});
const properties = (count: number, from = 0, key = KEY) =>
  Array.from({ length: count }, (_, i) => aProperty(`p${from + i}`, { key }));
const typesOf = async (key = KEY) => new Map((await store.load(WORKSPACE, [key])).schemas.get(key)?.types);

describe("learning", () => {
  test("keeps the type that came first, of each property and workspace", async () => {
    await store.learn(WORKSPACE, [aProperty("a"), aProperty("b", { type: "number" })]);
    await store.learn(WORKSPACE, [aProperty("a", { type: "array" }), aProperty("c", { type: "boolean" })]);
    await store.learn(OTHER, [aProperty("a", { type: "boolean" })]);
    expect(await typesOf()).toEqual(
      new Map([
        ["properties.a", "string"],
        ["properties.b", "number"],
        ["properties.c", "boolean"],
      ]),
    );
  });

  test("takes names of any kind, and the first of a property that is proposed twice at once", async () => {
    const key = `track:O'Brien "x" {a,b} \\ 💥`;
    await store.learn(WORKSPACE, [
      aProperty("ü.{}\\'\"", { key, type: "number" }),
      aProperty("twice", { key, type: "array" }),
      aProperty("twice", { key, type: "array" }),
    ]);
    expect(await typesOf(key)).toEqual(
      new Map([
        ["properties.ü.{}\\'\"", "number"],
        ["properties.twice", "array"],
      ]),
    );
  });

  test("takes names as long as the door lets them be", async () => {
    const key = `track:${"語".repeat(255)}`;
    await store.learn(WORKSPACE, [aProperty("文".repeat(255), { key }), aProperty("💥".repeat(127), { key })]);
    expect((await typesOf(key)).size).toBe(2);
  });

  test("by many at once: one type for each property, the same for everybody, and nobody waits in a circle", async () => {
    const learners = stores.map(({ db: own }) => createSchemaStore(own));
    const proposals = (["string", "number", "boolean", "array"] as const).flatMap((type, nth) =>
      learners.map((learner) => ({ learner, type, reversed: nth % 2 === 0 })),
    );
    await Promise.all(
      proposals.map(async ({ learner, type, reversed }) => {
        const own = properties(40).map((property) => ({ ...property, type }));
        await learner.learn(WORKSPACE, reversed ? own.toReversed() : own);
      }),
    );
    const seen = await Promise.all(learners.map((learner) => learner.load(WORKSPACE, [KEY])));
    expect(seen[0]).toEqual(seen[1]);
    expect(await db().select().from(schemas)).toHaveLength(40);
  });

  test("ends at the maximum of properties of a key, and the schema says that it is full", async () => {
    await store.learn(WORKSPACE, properties(PROPERTIES_LEARNED_MAX - 1));
    expect((await store.load(WORKSPACE, [KEY])).schemas.get(KEY)?.full).toBe(false);
    await store.learn(WORKSPACE, [...properties(3), ...properties(5, 5_000)]);
    expect((await typesOf()).size).toBe(PROPERTIES_LEARNED_MAX);
    expect((await store.load(WORKSPACE, [KEY, "identify"])).schemas).toEqual(
      new Map([
        [KEY, { types: expect.any(Array), full: true }],
        ["identify", { types: [], full: false }],
      ]),
    );
  });

  test("ends at the maximum of event names of a workspace; those that are there, and other calls, go on", async () => {
    const names = Array.from({ length: EVENT_NAMES_LEARNED_MAX - 1 }, (_, i) => aProperty("a", { key: `track:n${i}` }));
    await store.learn(WORKSPACE, names);
    await store.learn(WORKSPACE, [
      aProperty("a", { key: "track:x1" }),
      aProperty("a", { key: "track:x2" }),
      aProperty("b", { key: "track:n1" }),
      aProperty("a", { key: "identify" }),
    ]);
    const { schemas: found } = await store.load(WORKSPACE, ["track:x1", "track:x2", "track:n1", "identify"]);
    expect([...found].map(([key, { types, full }]) => [key, types.length, full]).sort()).toEqual([
      ["identify", 1, false],
      ["track:n1", 2, false],
      ["track:x1", 1, false],
      ["track:x2", 0, true],
    ]);
    await store.learn(OTHER, [aProperty("a", { key: "track:x2" })]);
    expect((await store.load(OTHER, ["track:x2"])).schemas.get("track:x2")).toEqual({
      types: [["properties.a", "string"]],
      full: false,
    });
  });
});

test("loading answers every key once with the version of the rules, and nothing of another workspace", async () => {
  await store.learn(OTHER, [aProperty("a")]);
  const { version, schemas: found } = await store.load(WORKSPACE, [KEY, KEY, "page"]);
  expect([version, [...found]]).toEqual([
    7,
    expect.arrayContaining([
      [KEY, { types: [], full: false }],
      ["page", { types: [], full: false }],
    ]),
  ]);
  expect(found.size).toBe(2);
  expect((await store.load("00000000-0000-4000-8000-0000000000ff", [KEY])).version).toBe(0);
});

test("an outage is unavailable", async () => {
  const nobody = openPostgres("postgres://millrace:millrace@127.0.0.1:1/millrace");
  const away = createSchemaStore(nobody.db);
  await expect(away.load(WORKSPACE, [KEY])).rejects.toMatchObject({ code: "unavailable" });
  await expect(away.learn(WORKSPACE, [aProperty("a")])).rejects.toMatchObject({ code: "unavailable" });
  await nobody.close();
});
