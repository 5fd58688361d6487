import { eq } from "drizzle-orm";
import { AppError } from "../../../kit/errors.ts";
import type { Manage, WorkspaceRecord } from "../../../registry/manage.ts";
import type { PostgresDb } from "../client.ts";
import { workspaceLimits } from "../limits.ts";
import { asked } from "../postgres-error.ts";
import { workspaces } from "../schema/workspaces.ts";
import type { Change } from "./change.ts";

/** The caller's workspace. Its tier and limits are for the operator to set, not for the API. */
export const createWorkspace = (db: PostgresDb, change: Change): Manage["workspace"] => ({
  get: async ({ workspaceId }) => {
    const [found] = await asked(db.select().from(workspaces).where(eq(workspaces.id, workspaceId)));
    if (!found) throw new AppError("not_found", "This workspace does not exist.");
    return toRecord(found);
  },
  change: (caller, { name, timezone }) =>
    change(caller, async ({ tx, workspace, audit }) => {
      if (name === undefined && timezone === undefined) return toRecord(workspace);
      const [changed] = await tx
        .update(workspaces)
        .set({ name: name ?? workspace.name, timezone: timezone ?? workspace.timezone })
        .where(eq(workspaces.id, caller.workspaceId))
        .returning();
      await audit("workspace.change", caller.workspaceId);
      return toRecord(changed ?? workspace);
    }),
});

export function toRecord(row: typeof workspaces.$inferSelect): WorkspaceRecord {
  const { id, name, tier, timezone, limits: own, createdAt } = row;
  const limits = workspaceLimits(tier, own);
  return {
    id,
    name,
    tier,
    timezone,
    limits: { window_requests_max: limits.windowRequestsMax, day_events_max: limits.dayEventsMax },
    created_at: createdAt.toISOString(),
  };
}
