import { expect, test } from "vitest";
import { allows, GrantedScope, SCOPES } from "./scopes.ts";

test.each<[granted: string[], needed: string, may: boolean]>([
  [["*"], "tokens:write", true],
  [["dlq:read"], "dlq:read", true],
  [["dlq:write"], "dlq:write", true],
  [["dlq:write"], "dlq:read", true],
  [["dlq:read"], "dlq:write", false],
  [["sources:write", "plans:read"], "dlq:read", false],
  [[], "live:read", false],
  [["read"], "live:read", false],
  [["live"], "live:read", false],
])("a token with %j may %s: %s", (granted, needed, may) => {
  expect(allows(granted, needed)).toBe(may);
});

test("a token may be given every scope, * and nothing else", () => {
  for (const scope of [...SCOPES, "*"]) expect(GrantedScope.safeParse(scope).success).toBe(true);
  for (const scope of ["sources", "sources:*", "admin:write", ""])
    expect(GrantedScope.safeParse(scope).success).toBe(false);
});
