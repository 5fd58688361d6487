import { boolean, pgTable, text, timestamp, uuid } from "drizzle-orm/pg-core";

/** Where events come from. Its write keys are in `write_keys`. */
export const sources = pgTable("sources", {
  id: uuid().primaryKey().defaultRandom(),
  workspaceId: uuid("workspace_id").notNull(),
  name: text().notNull(),
  enabled: boolean().notNull().default(true),
  createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
});
