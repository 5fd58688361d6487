import { pgTable, text, timestamp, uuid } from "drizzle-orm/pg-core";

/** A team's own space: every other table carries its id. */
export const workspaces = pgTable("workspaces", {
  id: uuid().primaryKey().defaultRandom(),
  name: text().notNull(),
  tier: text({ enum: ["default", "pro", "enterprise"] })
    .notNull()
    .default("default"),
  timezone: text().notNull().default("UTC"),
  createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
});
