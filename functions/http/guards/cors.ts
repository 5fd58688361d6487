import { createMiddleware } from "hono/factory";
import { headerOf } from "../header.ts";
import type { DoorVars } from "../vars.ts";

const ONE_DAY_SECONDS = "86400";
const EXPOSED = "Retry-After, RateLimit-Policy, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset";

/**
 * Any page may send events, from any origin, never with credentials: a write key is the only authority. A preflight is
 * answered here, by nothing but its own headers, which are echoed since `*` does not cover Authorization. Error answers
 * carry the headers too, or a browser's client could not read them. S-7, E6.
 */
export const cors = createMiddleware<DoorVars>(async function cors(c, next) {
  const origin = headerOf(c, "origin");
  const said: Record<string, string> = { Vary: "Origin" };
  if (origin !== undefined) {
    said["Access-Control-Allow-Origin"] = origin;
    said["Access-Control-Expose-Headers"] = EXPOSED;
  }
  if (c.req.method === "OPTIONS") {
    for (const [name, value] of Object.entries(said)) c.header(name, value);
    c.header("Access-Control-Allow-Methods", "GET, POST, OPTIONS");
    c.header("Access-Control-Max-Age", ONE_DAY_SECONDS);
    const asked = headerOf(c, "access-control-request-headers");
    if (asked !== undefined) c.header("Access-Control-Allow-Headers", asked);
    c.header("Vary", "Access-Control-Request-Headers", { append: true });
    return c.body(null, 204);
  }
  c.set("said", said);
  await next();
  if (c.get("told")) return;
  for (const [name, value] of Object.entries(said)) c.header(name, value, { append: name === "Vary" });
});
