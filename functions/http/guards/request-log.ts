import { createMiddleware } from "hono/factory";
import { newId } from "../../kit/id.ts";
import { log } from "../../kit/log.ts";
import type { DoorVars } from "../vars.ts";

/** Gives each request its id and one log line when it is answered: metadata only, the path without its query. I-24. */
export const requestLog = createMiddleware<DoorVars>(async function requestLog(c, next) {
  const started = performance.now();
  c.set("requestId", newId());
  c.set("logged", {});
  await next();
  const { status } = c.res;
  const line = {
    request_id: c.var.requestId,
    ...c.var.logged,
    method: c.req.method,
    path: c.req.path,
    status_code: status,
    duration_ms: Math.round((performance.now() - started) * 100) / 100,
  };
  if (status >= 500) log.error(line, "request");
  else log.info(line, "request");
});
