import { expect, test } from "vitest";
import { cursorOf, placeOf } from "./cursor.ts";

test.each([[[""]], [["a", "b"]], [["track:Ü 💥", 'properties."x"']]])("the cursor of %j says it again", (place) => {
  expect(placeOf(cursorOf(place), place.length)).toEqual(place);
});

test.each([
  "",
  "%%%",
  "bm9uc2Vuc2U",
  cursorOf([]),
  cursorOf(["a", "b"]),
  Buffer.from("[1]").toString("base64url"),
  Buffer.from("{}").toString("base64url"),
])("%j is no cursor of ours", (text) => {
  expect(placeOf(text, 1)).toBeUndefined();
});
