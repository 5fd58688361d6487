import * as z from "zod";

/** What the API is made of. */
export const AREAS = [
  "query",
  "sources",
  "schemas",
  "plans",
  "dlq",
  "privacy",
  "live",
  "metrics",
  "tokens",
  "workspace",
] as const;
export type Area = (typeof AREAS)[number];

/** What a route asks for: to see an area, or to change it. */
export type Scope = `${Area}:read` | `${Area}:write`;
export const SCOPES: readonly Scope[] = AREAS.flatMap((area): Scope[] => [`${area}:read`, `${area}:write`]);

/** A scope that a token may be given; `*` stands for all. B-34. */
export const GrantedScope = z.enum(["*", ...SCOPES], {
  error: `a scope is * or one of ${SCOPES.join(", ")}`,
});

/** Whether a token with these scopes may do what `needed` names: `write` includes `read`, `*` includes everything. */
export const allows = (granted: readonly string[], needed: string): boolean =>
  granted.includes("*") || granted.includes(needed) || granted.includes(needed.replace(/:read$/, ":write"));
