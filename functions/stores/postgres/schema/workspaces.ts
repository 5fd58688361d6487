import { bigint, jsonb, pgTable, text, timestamp, uuid } from "drizzle-orm/pg-core";
import type { OwnLimits } from "../../../registry/source-settings.ts";

/**
 * A team's own space: every other table carries its id. `rules_version` rises with every change of its plan, schemas or
 * suppressions; `limits` are its own, where the tier's do not fit.
 */
export const workspaces = pgTable("workspaces", {
  id: uuid().primaryKey().defaultRandom(),
  name: text().notNull(),
  tier: text({ enum: ["default", "pro", "enterprise"] })
    .notNull()
    .default("default"),
  timezone: text().notNull().default("UTC"),
  createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
  rulesVersion: bigint("rules_version", { mode: "number" }).notNull().default(1),
  limits: jsonb().$type<OwnLimits>(),
});
