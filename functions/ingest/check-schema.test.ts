import { describe, expect, test } from "vitest";
import type { FlatEvent, Json } from "../event/event.ts";
import type { Outcome } from "../event/outcome.ts";
import { log } from "../kit/log.ts";
import type { PropertyType } from "../registry/event-schema.ts";
import { aCheckedEvent, aSource } from "../testing/builders.ts";
import { aRegistry } from "../testing/fakes.ts";
import { checkSchemas } from "./check-schema.ts";

log.level = "silent";

const flat = (properties: Record<string, Json>, fields: Partial<FlatEvent> = {}): Outcome<FlatEvent> => ({
  messageId: "m",
  kind: "going",
  event: aCheckedEvent({ event: "Paid", properties, ...fields }),
});
const PAID = "track:Paid";
const check = (registry: ReturnType<typeof aRegistry>, outcomes: Outcome<FlatEvent>[], learns = true) =>
  checkSchemas(registry.schemas, aSource(), outcomes, learns);
const verdicts = (outcomes: readonly Outcome<FlatEvent>[]) =>
  outcomes.map((outcome) =>
    outcome.kind === "rejected"
      ? [outcome.stage, outcome.error.code, outcome.error.field]
      : outcome.kind === "going"
        ? outcome.event.warnings
        : outcome.kind,
  );

describe("I-12 a property", () => {
  const values: [Json, PropertyType][] = [
    ["a", "string"],
    ["5", "string"],
    [5, "number"],
    [5.5, "number"],
    [true, "boolean"],
    [[1], "array"],
    [[], "array"],
  ];
  const known = { [PAID]: { "properties.x": "string", "properties.n": "number" } } as const;

  test.each(values)("%j is a %s: the first type that is seen", async (value, type) => {
    const registry = aRegistry();
    expect(verdicts(await check(registry, [flat({ x: value })]))).toEqual([[]]);
    expect(registry.types.get(PAID)?.get("properties.x")).toBe(type);
  });

  test.each(values)(
    "that is known as another type refuses %j, with its field and without coercion",
    async (value, type) => {
      for (const other of ["string", "number", "boolean", "array"] as const) {
        const registry = aRegistry({ [PAID]: { "properties.x": other } });
        const [verdict] = verdicts(await check(registry, [flat({ x: value })]));
        expect(verdict).toEqual(other === type ? [] : ["schema", "schema_conflict", "properties.x"]);
      }
    },
  );

  test("that is null fits every type and teaches none", async () => {
    const registry = aRegistry(known);
    expect(verdicts(await check(registry, [flat({ x: null, n: null, fresh: null })]))).toEqual([[]]);
    expect(registry.learned).toEqual([]);
  });

  test("of traits is one of its own", async () => {
    const registry = aRegistry({ identify: { "traits.plan": "string", "properties.plan": "number" } });
    const identify = (plan: Json) => flat({}, { type: "identify", event: "", traits: { plan } });
    expect(verdicts(await check(registry, [identify("pro"), identify(5)]))).toEqual([
      [],
      ["schema", "schema_conflict", "traits.plan"],
    ]);
  });

  test("belongs to its event's name alone, and for other calls to their type", async () => {
    const registry = aRegistry();
    const outcomes = [
      flat({ x: 1 }),
      flat({ x: "a" }, { event: "Other" }),
      flat({ x: "a" }, { type: "page", event: "" }),
    ];
    expect(verdicts(await check(registry, outcomes))).toEqual([[], [], []]);
    expect([...registry.types.keys()].toSorted()).toEqual(["page", "track:Other", PAID]);
  });

  test("of the context is never checked", async () => {
    const registry = aRegistry({ [PAID]: { "context.x": "number" } });
    expect(verdicts(await check(registry, [flat({}, { context: { x: "a" } })]))).toEqual([[]]);
    expect(registry.learned).toEqual([]);
  });
});

describe("learning", () => {
  test("of two types in one batch the first wins, and the other is refused", async () => {
    const registry = aRegistry();
    expect(verdicts(await check(registry, [flat({ x: 1 }), flat({ x: "a" }), flat({ x: 2 })]))).toEqual([
      [],
      ["schema", "schema_conflict", "properties.x"],
      [],
    ]);
    expect(registry.learned).toEqual([[{ key: PAID, property: "properties.x", type: "number" }]]);
  });

  test("of two isolates at once the one that wrote first wins", async () => {
    const registry = aRegistry();
    const { learn } = registry.schemas;
    registry.schemas.learn = async (source, proposed) => {
      await learn(source, [{ key: PAID, property: "properties.x", type: "string" }]);
      await learn(source, proposed);
    };
    expect(verdicts(await check(registry, [flat({ x: 1 })]))).toEqual([["schema", "schema_conflict", "properties.x"]]);
  });

  test("a refused event teaches nothing", async () => {
    const registry = aRegistry({ [PAID]: { "properties.x": "number" } });
    await check(registry, [flat({ x: "a", fresh: 1 })]);
    expect(registry.learned).toEqual([]);
  });

  test("is not asked for what is known, nor for an event without properties", async () => {
    const registry = aRegistry({ [PAID]: { "properties.x": "number" } });
    await check(registry, [flat({ x: 1 }), flat({})]);
    expect(registry.learned).toEqual([]);
  });

  test("a full schema stores the rest unchecked, with a warning, and checks what it knows", async () => {
    const registry = aRegistry({ [PAID]: { "properties.x": "number" } });
    registry.state.full = true;
    expect(verdicts(await check(registry, [flat({ more: 1 }), flat({ x: "a" })]))).toEqual([
      ["schema_full"],
      ["schema", "schema_conflict", "properties.x"],
    ]);
    expect(registry.learned).toEqual([]);
  });

  test("is forbidden by a plan that blocks: stored, not learned, with a warning", async () => {
    const registry = aRegistry();
    expect(verdicts(await check(registry, [flat({ x: 1 })], false))).toEqual([["not_learned"]]);
    expect(registry.learned).toEqual([]);
  });
});

describe("F32 while the registry is away", () => {
  test("what nobody has checked is stored with a warning, and nothing is refused or lost for it", async () => {
    const registry = aRegistry();
    registry.state.away = true;
    expect(verdicts(await check(registry, [flat({ x: 1 })]))).toEqual([["schema_unchecked"]]);
  });

  test("what this isolate knows is checked all the same", async () => {
    const registry = aRegistry({ [PAID]: { "properties.x": "number" } });
    await check(registry, [flat({ x: 1 })]);
    registry.state.away = true;
    expect(verdicts(await check(registry, [flat({ x: "a" }), flat({ x: 1 }), flat({ fresh: 1 })]))).toEqual([
      ["schema", "schema_conflict", "properties.x"],
      [],
      ["schema_unchecked"],
    ]);
  });
});

test("verdicts that were there before stay, at their places", async () => {
  const duplicate: Outcome<FlatEvent> = { messageId: "d", kind: "duplicate" };
  expect(verdicts(await check(aRegistry(), [duplicate, flat({ x: 1 }), duplicate]))).toEqual([
    "duplicate",
    [],
    "duplicate",
  ]);
});
