import { expect, test } from "vitest";
import { globTest } from "./glob.ts";

test.each([
  ["*", "", true],
  ["a*c", "abbc", true],
  ["a*c", "abcd", false],
  ["h?llo", "hello", true],
  ["h?llo", "hllo", false],
  ["h[ae]llo", "hallo", true],
  ["h[^e]llo", "hello", false],
  ["h[a-c]llo", "hbllo", true],
  ["a.b+c", "a.b+c", true],
  ["a.c", "abc", false],
  ["a\\*c", "a*c", true],
  ["a\\*c", "abc", false],
  ["dedup:*:x", "dedup:w:\n:x", true],
])("%j against %j is %s", (pattern, key, fits) => {
  expect(globTest(pattern)(key)).toBe(fits);
});
