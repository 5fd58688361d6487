import { describe, expect, test } from "vitest";
import { type ApiToken, authorize, hashOfToken, newToken } from "./api-token.ts";

const NOW = Date.UTC(2026, 5, 1, 12);
const DAY = 86_400_000;
const MINE = "11111111-2222-4333-8444-555555555555";
const OTHER = "99999999-2222-4333-8444-555555555555";

const stored: Record<string, ApiToken> = Object.fromEntries(
  Object.entries({
    sk_good: {},
    sk_tomorrow: { expiresAt: NOW + 1 },
    sk_expired: { expiresAt: NOW },
    sk_revoked: { revokedAt: NOW - DAY },
    sk_both: { revokedAt: NOW - DAY, expiresAt: NOW - 2 * DAY },
  }).map(([token, times]) => [
    hashOfToken(token),
    { workspaceId: MINE, scopes: ["read"], expiresAt: undefined, revokedAt: undefined, ...times },
  ]),
);

const ask = (token: string | undefined, workspaceHeader: string | undefined, localMode = false) =>
  authorize({ token, workspaceHeader, localMode, now: () => NOW, tokenByHash: async (found) => stored[found] ?? null });

const HEADER = "X-Workspace-Id";
type Refusal = { code: string; field?: string };
const NO_TOKEN: Refusal = { code: "invalid_token" };
const MALFORMED: Refusal = { code: "validation_failed", field: HEADER };
const FOREIGN: Refusal = { code: "forbidden", field: HEADER };

describe("deployed, the token is the authority", () => {
  test.each<[token: string, header: string | undefined]>([
    ["sk_good", undefined],
    ["sk_good", MINE],
    ["sk_good", ` ${MINE.toUpperCase()} `],
    ["sk_tomorrow", MINE],
  ])("%s with header %s may", async (token, header) => {
    expect(await ask(token, header)).toEqual({ workspaceId: MINE, scopes: ["read"], by: "sk_…" });
  });

  test.each<[token: string | undefined, header: string | undefined, refusal: Refusal]>([
    [undefined, undefined, NO_TOKEN],
    [undefined, MINE, NO_TOKEN],
    [undefined, "nonsense", NO_TOKEN],
    ["sk_wrong", MINE, NO_TOKEN],
    ["sk_wrong", "nonsense", NO_TOKEN],
    ["SK_GOOD", MINE, NO_TOKEN],
    ["sk_expired", MINE, NO_TOKEN],
    ["sk_revoked", MINE, NO_TOKEN],
    ["sk_both", MINE, NO_TOKEN],
    ["sk_good", OTHER, FOREIGN],
    ["sk_good", "nonsense", MALFORMED],
    ["sk_good", "", MALFORMED],
    ["sk_good", `${MINE}, ${OTHER}`, MALFORMED],
  ])("%s with header %s is refused", async (token, header, refusal) => {
    await expect(ask(token, header)).rejects.toMatchObject({ name: "AppError", ...refusal });
  });
});

describe("in local mode", () => {
  test("the header alone is the authority", async () => {
    expect(await ask(undefined, OTHER, true)).toEqual({ workspaceId: OTHER, scopes: ["*"], by: "local" });
  });

  test("a token counts, and its workspace with it", async () => {
    expect(await ask("sk_good", undefined, true)).toEqual({ workspaceId: MINE, scopes: ["read"], by: "sk_…" });
  });

  test.each<[token: string | undefined, header: string | undefined, refusal: Refusal]>([
    [undefined, undefined, MALFORMED],
    [undefined, "nonsense", MALFORMED],
    ["sk_wrong", MINE, NO_TOKEN],
    ["sk_good", OTHER, FOREIGN],
  ])("%s with header %s is refused", async (token, header, refusal) => {
    await expect(ask(token, header, true)).rejects.toMatchObject({ name: "AppError", ...refusal });
  });
});

test("a refusal says why and never repeats the token", async () => {
  const long = newToken().reveal();
  await expect(ask(long, undefined)).rejects.toThrow(`(${long.slice(0, 5)}…${long.slice(-2)}) does not exist`);
  await expect(ask("sk_revoked", undefined)).rejects.toThrow("revoked on 2026-05-31");
  await expect(ask("sk_expired", undefined)).rejects.toThrow("expired on 2026-06-01");
});

test("an outage of the token store is passed on, never an invalid token", async () => {
  const outage = new Error("away");
  const away = async () => Promise.reject(outage);
  const given = { workspaceHeader: undefined, localMode: false, now: () => NOW, tokenByHash: away };
  await expect(authorize({ token: "sk_good", ...given })).rejects.toBe(outage);
});

test("a new token is sk_ and 32 random bytes", () => {
  expect(newToken().reveal()).toMatch(/^sk_[\w-]{43}$/);
});
