import { Hono } from "hono";
import { allows } from "../../auth/scopes.ts";
import { AppError } from "../../kit/errors.ts";
import { metrics } from "../../kit/metrics.ts";
import type { Authorize } from "../guards/workspace.ts";
import type { DoorVars } from "../vars.ts";

/**
 * This process' counters for Prometheus. Outside local mode an API token with the scope `metrics:read` is needed: what a
 * system takes and refuses is nobody else's business. I-24, E19.
 */
export const metricsRoutes = (authorize: Authorize, localMode: boolean) =>
  new Hono<DoorVars>().get("/metrics", async (c) => {
    if (!localMode) {
      const token = /^Bearer +(\S+)$/i.exec(c.req.header("authorization") ?? "")?.[1];
      const { scopes } = await authorize({ token, workspaceHeader: undefined });
      if (!allows(scopes, "metrics:read"))
        throw new AppError("forbidden", "This API token has not the scope metrics:read.");
    }
    const { type, body } = await metrics.text();
    return c.body(body, 200, { "Content-Type": type });
  });
