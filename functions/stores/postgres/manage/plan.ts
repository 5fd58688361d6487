import { eq } from "drizzle-orm";
import type { Manage, PlanRecord } from "../../../registry/manage.ts";
import type { PostgresDb } from "../client.ts";
import { asked } from "../postgres-error.ts";
import { trackingPlans } from "../schema/tracking-plans.ts";
import type { Change } from "./change.ts";

/** The tracking plan of a workspace, as it was checked by `PlanBody`. */
export const createPlan = (db: PostgresDb, change: Change): Manage["plan"] => ({
  get: async ({ workspaceId }) => {
    const [found] = await asked(db.select().from(trackingPlans).where(eq(trackingPlans.workspaceId, workspaceId)));
    return found ? toRecord(found) : null;
  },

  put: ({ workspaceId, by }, { mode, unplanned, events }) =>
    change({ workspaceId, by }, async ({ tx, audit, raiseRules }) => {
      const columns = { mode, unplanned, events, updatedAt: new Date() };
      const [kept] = await tx
        .insert(trackingPlans)
        .values({ workspaceId, ...columns })
        .onConflictDoUpdate({ target: trackingPlans.workspaceId, set: columns })
        .returning();
      if (!kept) throw new Error("Postgres returned no row for an insert");
      await raiseRules();
      await audit("plan.put", `${events.length} events, ${mode}`);
      return toRecord(kept);
    }),

  remove: ({ workspaceId, by }) =>
    change({ workspaceId, by }, async ({ tx, audit, raiseRules }) => {
      const removed = await tx.delete(trackingPlans).where(eq(trackingPlans.workspaceId, workspaceId)).returning();
      if (removed.length === 0) return false;
      await raiseRules();
      await audit("plan.remove", workspaceId);
      return true;
    }),
});

const toRecord = ({ mode, unplanned, events, updatedAt }: typeof trackingPlans.$inferSelect): PlanRecord => ({
  mode,
  unplanned,
  events,
  updated_at: updatedAt.toISOString(),
});
