import { inspect } from "node:util";
import { pino } from "pino";
import { expect, test } from "vitest";
import { masked } from "./masked.ts";

const SECRET = "wk_abcdefghijklmnopqrstuvwxyz0123456789-_ABCDEyz";

test.each<[how: string, shown: (secret: ReturnType<typeof masked>) => string]>([
  ["JSON", (secret) => JSON.stringify({ secret })],
  ["a template", (secret) => `${secret}`],
  ["the console", (secret) => inspect({ deep: [secret] })],
  ["String()", (secret) => String(secret)],
  ["Object.entries", (secret) => JSON.stringify(Object.entries(secret))],
  ["a log line", (secret) => logged({ secret })],
])("%s shows the hint and not the secret", (_, shown) => {
  const text = shown(masked(SECRET));
  expect(text).toContain("wk_ab…yz");
  expect(text).not.toContain("cdefgh");
});

test("a short secret shows its prefix only", () => {
  expect(masked("wk_local").hint).toBe("wk_…");
});

test("reveal gives the secret itself", () => {
  expect(masked(SECRET).reveal()).toBe(SECRET);
});

function logged(fields: object): string {
  const lines: string[] = [];
  pino({}, { write: (line: string) => void lines.push(line) }).info(fields, "message");
  return lines.join();
}
