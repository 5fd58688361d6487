import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { createPlaceOf } from "./place-of.ts";

/** Made with mmdb_writer 0.2 for Python: 203.0.113.0/24 is Amsterdam, 2001:db8::/32 is Germany, nothing else is there. */
const path = fileURLToPath(new URL("places-for-tests.mmdb", import.meta.url));

describe("C-24 a place database", () => {
  const placeOf = createPlaceOf(path);
  test.each([
    ["203.0.113.77", { country: "NL", region: "NH", city: "Amsterdam" }],
    ["::ffff:203.0.113.77", { country: "NL", region: "NH", city: "Amsterdam" }],
    ["2001:db8::5", { country: "DE", region: "", city: "" }],
    ["198.51.100.1", undefined],
    ["no address", undefined],
    ["", undefined],
  ])("places %s", (address, place) => {
    expect(placeOf(address)).toEqual(place);
  });

  test("that is not configured knows nothing, and one that is not there is an error at once", () => {
    expect(createPlaceOf(undefined)("203.0.113.77")).toBeUndefined();
    expect(() => createPlaceOf("/nowhere.mmdb")).toThrow(/nowhere/);
  });
});
