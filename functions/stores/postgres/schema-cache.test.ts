import { expect, test } from "vitest";
import type { TypedProperty } from "../../registry/event-schema.ts";
import { aSource } from "../../testing/builders.ts";
import { createSchemas } from "./schema-cache.ts";
import type { SchemaStore, StoredSchema } from "./schemas.ts";

const KEY = "track:Order Completed";
const at = (version: number, fields = {}) => aSource({ rules: { version, plan: false, suppressed: false }, ...fields });

/** The table in memory, for every workspace the same; `asked` has the keys of each load. `hold` keeps loads waiting. */
function aTable(version = 1) {
  const rows = new Map<string, Map<string, TypedProperty["type"]>>();
  const asked: string[][] = [];
  const learned: TypedProperty[][] = [];
  const table = { version, away: false, full: false, held: undefined as Promise<void> | undefined };
  const store: SchemaStore = {
    load: async (_, keys) => {
      asked.push([...keys]);
      if (table.away) throw new Error("away");
      const read = keys.map((key): [string, StoredSchema] => [
        key,
        { types: [...(rows.get(key) ?? [])], full: table.full },
      ]);
      const answer = { version: table.version, schemas: new Map(read) };
      await table.held;
      return answer;
    },
    learn: async (_, proposed) => {
      learned.push([...proposed]);
      for (const { key, property, type } of proposed) {
        const own = rows.get(key) ?? new Map<string, TypedProperty["type"]>();
        rows.set(key, own);
        if (!own.has(property)) own.set(property, type);
      }
    },
  };
  return { store, table, rows, asked, learned };
}
const aType = (property: string, type: TypedProperty["type"] = "string", key = KEY) => ({ key, property, type });

test("what was loaded is known, by bag and bare name; what was not is not", async () => {
  const { store } = aTable();
  await store.learn("", [aType("properties.price", "number"), aType("traits.traits.plan"), aType("properties.traits")]);
  const schemas = createSchemas({ store });
  expect(schemas.known(at(1), KEY)).toBeUndefined();
  await schemas.load(at(1), [KEY, "identify"]);
  expect(schemas.known(at(1), KEY)).toEqual({
    properties: new Map([
      ["price", "number"],
      ["traits", "string"],
    ]),
    traits: new Map([["traits.plan", "string"]]),
    full: false,
  });
  expect(schemas.known(at(1), "identify")).toEqual({ properties: new Map(), traits: new Map(), full: false });
  expect(schemas.known(at(1, { workspaceId: "other" }), KEY)).toBeUndefined();
});

test("many who want one key at once ask once, and then nobody asks", async () => {
  const { store, asked } = aTable();
  const schemas = createSchemas({ store });
  await Promise.all(Array.from({ length: 50 }, (_, i) => schemas.load(at(1), [KEY, `track:${i % 5}`])));
  expect(asked.flat().sort()).toEqual([KEY, ...[0, 1, 2, 3, 4].map((i) => `track:${i}`)].sort());
  expect(asked.length).toBeLessThanOrEqual(2);
  await schemas.load(at(1), [KEY]);
  expect(asked.length).toBeLessThanOrEqual(2);
});

test("what is learned is known at once, with the type that was first", async () => {
  const { store, learned } = aTable();
  await store.learn("", [aType("properties.a", "boolean")]);
  const schemas = createSchemas({ store });
  await schemas.load(at(1), ["page"]);
  await schemas.learn(at(1), [aType("properties.a"), aType("properties.b", "array")]);
  expect(schemas.known(at(1), KEY)?.properties).toEqual(
    new Map([
      ["a", "boolean"],
      ["b", "array"],
    ]),
  );
  await schemas.learn(at(1), [aType("properties.a", "number")]);
  expect(learned).toHaveLength(2);
});

test("a crowd that proposes the same is one lesson, or two", async () => {
  const { store, learned } = aTable();
  const schemas = createSchemas({ store });
  await Promise.all(Array.from({ length: 50 }, () => schemas.learn(at(1), [aType("properties.a")])));
  expect(learned.length).toBeLessThanOrEqual(2);
});

test("a full schema is taught nothing", async () => {
  const { store, table, learned } = aTable();
  table.full = true;
  const schemas = createSchemas({ store });
  await schemas.load(at(1), [KEY]);
  await schemas.learn(at(1), [aType("properties.new")]);
  expect([learned.length, schemas.known(at(1), KEY)?.full]).toEqual([0, true]);
});

test("a higher version forgets the workspace, a source that is behind does not", async () => {
  const { store, table, rows, asked } = aTable();
  await store.learn("", [aType("properties.a")]);
  const schemas = createSchemas({ store });
  await schemas.load(at(1), [KEY]);
  rows.clear();
  table.version = 2;
  expect(schemas.known(at(1), KEY)?.properties.size).toBe(1);
  expect(schemas.known(at(2), KEY)).toBeUndefined();
  await schemas.load(at(2), [KEY]);
  expect(schemas.known(at(2), KEY)?.properties.size).toBe(0);
  expect(schemas.known(at(1), KEY)?.properties.size).toBe(0);
  await schemas.load(at(1), [KEY]);
  expect(asked).toHaveLength(2);
});

test("what was read before a change is not kept as if it were after it", async () => {
  const { store, table, rows, asked } = aTable();
  await store.learn("", [aType("properties.a")]);
  const schemas = createSchemas({ store });
  const { promise, resolve } = Promise.withResolvers<void>();
  table.held = promise;
  const early = schemas.learn(at(1), [aType("properties.b")]);
  await expect.poll(() => asked.length).toBe(1);
  // It has read version 1 and is on its way; now somebody resets the schema, and another request sees that.
  table.held = undefined;
  table.version = 2;
  rows.clear();
  await schemas.load(at(2), [KEY]);
  resolve();
  await early;
  expect(schemas.known(at(2), KEY)?.properties.size).toBe(0);
});

test("an outage is told to everybody who asked, and is not remembered", async () => {
  const { store, table } = aTable();
  const schemas = createSchemas({ store });
  table.away = true;
  const asked = await Promise.allSettled([schemas.load(at(1), [KEY]), schemas.load(at(1), [KEY])]);
  expect(asked.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  table.away = false;
  await schemas.load(at(1), [KEY]);
  expect(schemas.known(at(1), KEY)).toBeDefined();
});

test("a source whose version the database does not show (a workspace that is gone) is answered all the same", async () => {
  const schemas = createSchemas({ store: aTable(0).store });
  await schemas.load(at(5), [KEY]);
  expect(schemas.known(at(5), KEY)).toEqual({ properties: new Map(), traits: new Map(), full: false });
});

test("memory is bounded: what is used stays, what is not is dropped, what was just loaded is there", async () => {
  const { store, asked } = aTable();
  const schemas = createSchemas({ store, heldMax: 100 });
  await schemas.load(at(1), [KEY]);
  for (let i = 0; i < 2_000; i++) {
    await schemas.load(at(1), [`track:${i}`]);
    expect(schemas.known(at(1), `track:${i}`)).toBeDefined();
    expect(schemas.known(at(1), KEY)).toBeDefined();
  }
  expect(asked).toHaveLength(2_001);
  const there = Array.from({ length: 2_000 }, (_, i) => schemas.known(at(1), `track:${i}`)).filter(Boolean).length;
  expect(there).toBeLessThanOrEqual(100);
  const large = Array.from({ length: 500 }, (_, i) => `page:${i}`);
  await schemas.load(at(1), large);
  expect(large.every((key) => schemas.known(at(1), key) !== undefined)).toBe(true);
});
