import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { WORKSPACE } from "../testing/builders.ts";
import { orderKeyOf, stableHash } from "./order-key.ts";

const OTHER = "11111111-1111-4111-8111-111111111111";
const person = (anonymousId: string, userId = "", messageId = "") => ({ anonymousId, userId, messageId });

// Pinned: another value here moves people to other buckets, and their order across the change is lost.
test.each([
  ["", 447_806_413],
  ["a", 187_517_516],
  ["anon-1", 3_545_424_463],
  ["語", 3_556_779_076],
])("the hash of %j never changes", (text, hash) => {
  expect(stableHash(text)).toBe(hash);
});

test.each([
  ["anon-1", 4, { partitionKey: `${WORKSPACE}:3`, explicitHashKey: "279000708268049244548439334445551745570" }],
  ["user-7", 4, { partitionKey: `${WORKSPACE}:0`, explicitHashKey: "23788933077345396950908378871725586978" }],
])("the order key of %s among %i buckets never changes", (id, buckets, key) => {
  expect(orderKeyOf(WORKSPACE, person(id), buckets)).toEqual(key);
});

describe("the order key", () => {
  test("is that of the anonymous id, else of the user, else of the message", () => {
    const keyOf = (event: ReturnType<typeof person>) => orderKeyOf(WORKSPACE, event, 1_000);
    expect(keyOf(person("a", "u", "m"))).toEqual(keyOf(person("a", "v", "n")));
    expect(keyOf(person("", "a", "m"))).toEqual(keyOf(person("a")));
    expect(keyOf(person("", "", "a"))).toEqual(keyOf(person("a")));
    expect(keyOf(person("", "u", "m"))).not.toEqual(keyOf(person("", "v", "m")));
  });

  test("is within a stream's limits for any id", () => {
    fc.assert(
      fc.property(
        fc.string({ maxLength: 512 }),
        fc.uuid(),
        fc.integer({ min: 0, max: 64 }),
        (id, workspaceId, buckets) => {
          const { partitionKey, explicitHashKey } = orderKeyOf(workspaceId, person(id), buckets);
          expect(partitionKey.length).toBeGreaterThan(0);
          expect(partitionKey.length).toBeLessThanOrEqual(256);
          expect(explicitHashKey === undefined).toBe(buckets === 0);
          if (explicitHashKey !== undefined) expect(BigInt(explicitHashKey)).toBeLessThan(2n ** 128n);
        },
      ),
    );
  });

  test("spreads people evenly over the buckets", () => {
    const counts = new Map<string, number>();
    for (let index = 0; index < 40_000; index++) {
      const { partitionKey } = orderKeyOf(WORKSPACE, person(`user-${index}`), 4);
      counts.set(partitionKey, (counts.get(partitionKey) ?? 0) + 1);
    }
    expect(counts.size).toBe(4);
    for (const count of counts.values()) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  });

  test("spreads the buckets of a workspace evenly over the shards, so that four buckets meet four shards", () => {
    for (const workspaceId of [WORKSPACE, OTHER]) {
      const shards = Array.from(
        { length: 400 },
        (_, index) => orderKeyOf(workspaceId, person(`u${index}`), 4).explicitHashKey ?? "",
      ).map((key) => Number((BigInt(key) * 4n) >> 128n));
      expect(new Set(shards).size).toBe(4);
    }
  });

  test("of one bucket differs between workspaces, so that their events never share a frame", () => {
    expect(orderKeyOf(WORKSPACE, person("a"), 4).partitionKey).not.toBe(orderKeyOf(OTHER, person("a"), 4).partitionKey);
    expect(orderKeyOf(WORKSPACE, person("a"), 0).partitionKey).not.toBe(orderKeyOf(OTHER, person("a"), 0).partitionKey);
  });

  test("without buckets is the id's own, and shows nothing of it", () => {
    const key = orderKeyOf(WORKSPACE, person("ada@example.com"), 0);
    expect(key).toEqual(orderKeyOf(WORKSPACE, person("ada@example.com"), 0));
    expect(key.partitionKey).not.toEqual(orderKeyOf(WORKSPACE, person("bob@example.com"), 0).partitionKey);
    expect(key.partitionKey).toMatch(/^[0-9a-f]{32}$/);
  });

  test("follows a change of the number of buckets at once", () => {
    const keys = (buckets: number) =>
      new Set(Array.from({ length: 200 }, (_, i) => orderKeyOf(WORKSPACE, person(`${i}`), buckets).partitionKey));
    expect([keys(4).size, keys(8).size, keys(4).size]).toEqual([4, 8, 4]);
  });
});
