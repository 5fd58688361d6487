import { expect, test } from "vitest";
import { isBot } from "./bot.ts";

test.each<[string, boolean]>([
  ["Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", true],
  ["curl/8.5.0", true],
  ["Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/147.0 Safari/537.36", true],
  [
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Safari/605.1.15",
    false,
  ],
  ["", false],
])("%s", (agent, bot) => {
  expect([isBot(agent), isBot(agent)]).toEqual([bot, bot]);
});

test("an agent longer than any browser's is judged too", () => {
  expect(isBot(`Googlebot ${"x".repeat(100_000)}`)).toBe(true);
  expect(isBot(`Mozilla/5.0 ${"Mozilla/5.0 ".repeat(9_000)}`)).toBe(false);
});

test("a flood of made-up agents does not fill the memory", () => {
  for (let n = 0; n < 5_000; n++) isBot(`made up ${n}`);
  expect(isBot("Googlebot")).toBe(true);
});
