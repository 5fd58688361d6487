import { createMiddleware } from "hono/factory";
import type { DoorVars } from "../vars.ts";

/** Who asks: the workspace of an API token, checked against `X-Workspace-Id`. Throws an AppError. Decision 21. */
export type Authorize = (given: {
  token: string | undefined;
  workspaceHeader: string | undefined;
}) => Promise<{ workspaceId: string; scopes: readonly string[]; by: string }>;

/** No handler behind it runs without a workspace. D-02. */
export const workspaceGuard = (authorize: Authorize) =>
  createMiddleware<DoorVars>(async function workspaceGuard(c, next) {
    const token = /^Bearer +(\S+)$/i.exec(c.req.header("authorization") ?? "")?.[1];
    const { workspaceId, scopes, by } = await authorize({ token, workspaceHeader: c.req.header("x-workspace-id") });
    c.set("workspaceId", workspaceId);
    c.set("scopes", scopes);
    c.set("by", by);
    c.var.logged.workspace_id = workspaceId;
    await next();
  });
