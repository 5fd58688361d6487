import { createMiddleware } from "hono/factory";
import { newId } from "../../kit/id.ts";
import { logRequest } from "../../kit/log.ts";
import { metrics } from "../../kit/metrics.ts";
import type { DoorVars } from "../vars.ts";

/** Gives each request its id, and one log line and one count when it is answered: metadata only, the path without its query. I-24. */
export const requestLog = (door: "ingest" | "query") =>
  createMiddleware<DoorVars>(async function requestLog(c, next) {
    const started = performance.now();
    c.set("requestId", newId());
    c.set("logged", {});
    await next();
    const { status } = c.res;
    const took = performance.now() - started;
    metrics.request(door, status, took / 1_000);
    const line = {
      request_id: c.get("requestId"),
      ...c.get("logged"),
      method: c.req.method,
      path: withoutKeys(c.req.path),
      status_code: status,
      duration_ms: Math.round(took * 100) / 100,
    };
    logRequest(status >= 500 ? "error" : "info", line);
  });

/** Segment's settings have the write key in their path. E5. */
const withoutKeys = (path: string) => path.replace(/\/projects\/[^/]+/, "/projects/***");
