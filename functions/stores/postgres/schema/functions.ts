import { boolean, integer, pgTable, text, timestamp, uuid } from "drizzle-orm/pg-core";

/** A team's own JavaScript that runs on events, as it is now; `version` grows with each change. */
export const functions = pgTable("functions", {
  id: uuid().primaryKey().defaultRandom(),
  workspaceId: uuid("workspace_id").notNull(),
  name: text().notNull(),
  code: text().notNull(),
  version: integer().notNull().default(1),
  enabled: boolean().notNull().default(true),
  createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
});
