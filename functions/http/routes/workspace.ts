import { Hono } from "hono";
import * as z from "zod";
import type { Manage } from "../../registry/manage.ts";
import { Name } from "../../registry/source-settings.ts";
import { bodyOf, queryOf } from "../body.ts";
import { requireScope } from "../guards/scope.ts";
import { callerOf, IdPage, pageAnswer } from "../page.ts";
import type { DoorVars } from "../vars.ts";

/** By its name: an offset such as +01:00 knows no summer, and ClickHouse knows no offset. */
const isTimezone = (name: string): boolean => {
  try {
    return /^[A-Z]/i.test(name) && new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
};

/** Tier and limits are not among them: they are the operator's. */
const Change = z
  .strictObject({
    name: Name,
    timezone: z.string().max(64).refine(isTimezone, { error: "a timezone is such as Europe/Berlin, or UTC" }),
  })
  .partial();

/** The caller's workspace, and what was changed in it. B-34. */
export const workspaceRoutes = ({ workspace, audit }: Pick<Manage, "workspace" | "audit">) =>
  new Hono<DoorVars>({ strict: false })
    .get("/workspace", requireScope("workspace:read"), async (c) => c.json(await workspace.get(callerOf(c))))
    .patch("/workspace", requireScope("workspace:write"), async (c) =>
      c.json(await workspace.change(callerOf(c), await bodyOf(c, Change))),
    )
    .get("/audit", requireScope("workspace:read"), async (c) =>
      c.json(pageAnswer("audit", await audit(callerOf(c), queryOf(c, IdPage)))),
    );
