import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { newId, uuidBytes, uuidOf } from "./id.ts";

describe("a new id", () => {
  test("is a UUID of version 7 with the given time in front", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 48 - 1 }), (ms) => {
        const id = newId(ms);
        expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        expect(Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16)).toBe(ms);
      }),
    );
  });

  test("is new each time, also within one millisecond", () => {
    expect(new Set(Array.from({ length: 20_000 }, () => newId(1))).size).toBe(20_000);
  });

  test("sorts by its time", () => {
    const times = [0, 1, 255, 256, 2 ** 32, Date.UTC(2026, 0, 1), Date.UTC(2999, 0, 1)];
    const ids = times.map((ms) => newId(ms));
    expect(ids.toSorted()).toEqual(ids);
  });

  test("uses every value of its random bits", () => {
    const ids = Array.from({ length: 2_000 }, () => newId(0));
    expect(new Set(ids.map((id) => id[19]))).toEqual(new Set(["8", "9", "a", "b"]));
    for (const at of [15, 16, 17, 20, 24, 35]) expect(new Set(ids.map((id) => id[at])).size).toBe(16);
  });
});

describe("the bytes of a UUID", () => {
  test("give the UUID back", () => {
    fc.assert(
      fc.property(fc.uuid(), (uuid) => {
        expect(uuidOf(uuidBytes(uuid))).toBe(uuid);
      }),
    );
  });

  test("are two little-endian halves, as ClickHouse keeps them", () => {
    expect(Buffer.from(uuidBytes("00112233-4455-6677-8899-aabbccddeeff")).toString("hex")).toBe(
      "7766554433221100ffeeddccbbaa9988",
    );
  });

  test("do not depend on the case of its letters", () => {
    expect(uuidBytes("ABCDEF00-0000-4000-8000-000000000001")).toEqual(
      uuidBytes("abcdef00-0000-4000-8000-000000000001"),
    );
  });

  test.each([
    "",
    "x",
    "00000000-0000-4000-8000-00000000000",
    "00000000-0000-4000-8000-0000000000011",
    "00000000-0000-4000-8000-000000000001zz",
    "0000-00000000-4000-8000-000000000001",
    "00000000000040008000000000000001",
  ])("of %j are refused", (text) => {
    expect(() => uuidBytes(text)).toThrow("not a UUID");
  });
});
