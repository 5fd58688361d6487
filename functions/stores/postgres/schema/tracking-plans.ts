import { jsonb, pgTable, text, timestamp, uuid } from "drizzle-orm/pg-core";
import { PLAN_MODES, type PlannedEvent } from "../../../registry/tracking-plan.ts";

/** A workspace's tracking plan; its events were checked when it was written. */
export const trackingPlans = pgTable("tracking_plans", {
  workspaceId: uuid("workspace_id").primaryKey(),
  mode: text({ enum: PLAN_MODES }).notNull(),
  unplanned: text({ enum: PLAN_MODES }).notNull(),
  events: jsonb().$type<readonly PlannedEvent[]>().notNull(),
  updatedAt: timestamp("updated_at", { withTimezone: true }).notNull().defaultNow(),
});
