import { createMiddleware } from "hono/factory";
import type { DoorVars } from "../vars.ts";

const ONE_DAY_SECONDS = "86400";
const EXPOSED = "Retry-After, RateLimit-Policy, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset";

/**
 * Any page may send events, from any origin, never with credentials: a write key is the only authority. A preflight is
 * answered here, by nothing but its own headers, which are echoed since `*` does not cover Authorization. Error answers
 * carry the headers too, or a browser's client could not read them. S-7, E6.
 */
export const cors = createMiddleware<DoorVars>(async function cors(c, next) {
  const origin = c.req.header("origin");
  if (origin !== undefined) {
    c.header("Access-Control-Allow-Origin", origin);
    c.header("Access-Control-Expose-Headers", EXPOSED);
  }
  c.header("Vary", "Origin", { append: true });
  if (c.req.method === "OPTIONS") {
    c.header("Access-Control-Allow-Methods", "GET, POST, OPTIONS");
    c.header("Access-Control-Max-Age", ONE_DAY_SECONDS);
    const asked = c.req.header("access-control-request-headers");
    if (asked !== undefined) c.header("Access-Control-Allow-Headers", asked);
    c.header("Vary", "Access-Control-Request-Headers", { append: true });
    return c.body(null, 204);
  }
  await next();
  return;
});
