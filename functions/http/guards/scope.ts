import { createMiddleware } from "hono/factory";
import { allows, type Scope } from "../../auth/scopes.ts";
import { AppError } from "../../kit/errors.ts";
import type { DoorVars } from "../vars.ts";

/** Lets pass who may do this: behind `workspaceGuard`. Throws `forbidden` (403) with the scope that is missing. B-34. */
export const requireScope = (needed: Scope) =>
  createMiddleware<DoorVars>(async function requireScope(c, next) {
    if (!allows(c.var.scopes, needed)) throw new AppError("forbidden", `This API token lacks the scope ${needed}.`);
    await next();
  });
