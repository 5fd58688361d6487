import { expect, test } from "vitest";
import { hashOfKey, newWriteKey, writeKeyOf } from "./write-key.ts";

test("a new key is wk_ and 32 random bytes, never the same twice", () => {
  const keys = Array.from({ length: 100 }, () => newWriteKey().reveal());
  expect(new Set(keys).size).toBe(100);
  for (const key of keys) {
    expect(key).toMatch(/^wk_[\w-]{43}$/);
    expect(Buffer.from(key.slice(3), "base64url")).toHaveLength(32);
  }
});

test("a key is known by its SHA-256 in hexadecimal", () => {
  expect(hashOfKey("wk_local")).toBe("d52f50378b989fd2cf19121f7f420fbfc86bc7a23ab6131fb4c67c1d9a7e9902");
});

test("a key prints as its hint", () => {
  expect(`${writeKeyOf("wk_abcdefghijklmnopqrstuvwxyz")}`).toBe("wk_ab…yz");
});
