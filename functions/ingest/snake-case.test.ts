import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { anyNames } from "../testing/arbitraries.ts";
import { snakeCase } from "./snake-case.ts";

// Many random cases: on a busy machine they take their time.
vi.setConfig({ testTimeout: 120_000 });

test.each([
  ["price", "price"],
  ["iPhone", "i_phone"],
  ["HTTPServer", "http_server"],
  ["address2", "address2"],
  ["address2Line", "address2_line"],
  ["orderID", "order_id"],
  ["UserIDs", "user_i_ds"],
  ["Order Completed", "order_completed"],
  ["  spaced -- out!  ", "spaced_out"],
  ["utm.source", "utm_source"],
  ["$lib_version", "lib_version"],
  ["__typename", "typename"],
  ["ｆｕｌｌ　Ｗｉｄｔｈ", "full_width"],
  ["ﬁle", "file"],
  ["Straße", "straße"],
  ["ÅngströmUnit", "ångström_unit"],
  ["ТестИмя", "тест_имя"],
  ["価格 (税込)", "価格_税込"],
  ["السعر", "السعر"],
  ["मूल्य", "मूल्य"],
  ["½", "1_2"],
  ["٣items", "٣items"],
  ["😀", "_"],
  ["!!!", "_"],
  ["", "_"],
  ["_", "_"],
])("%j becomes %j", (name, snake) => {
  expect(snakeCase(name)).toBe(snake);
  expect(snakeCase(name)).toBe(snake); // from memory
});

test("a name in snake_case stays as it is", () => {
  fc.assert(
    fc.property(anyNames, (name) => {
      const snake = snakeCase(name);
      expect(snakeCase(snake)).toBe(snake);
    }),
    { numRuns: 1_000 },
  );
});

test("a name holds nothing but letters, digits, their marks and single underscores between them", () => {
  fc.assert(
    fc.property(anyNames, (name) => {
      expect(snakeCase(name)).toMatch(/^(_|[\p{L}\p{N}\p{M}]+(_[\p{L}\p{N}\p{M}]+)*)$/u);
    }),
    { numRuns: 1_000 },
  );
});

test("two spellings of one letter are one name", () => {
  expect(snakeCase("cafe\u0301")).toBe(snakeCase("caf\u00e9"));
});
