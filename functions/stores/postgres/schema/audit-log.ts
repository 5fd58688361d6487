import { pgTable, text, timestamp, uuid } from "drizzle-orm/pg-core";

/** Who changed what. B-34. */
export const auditLog = pgTable("audit_log", {
  id: uuid().primaryKey(),
  workspaceId: uuid("workspace_id").notNull(),
  tokenHint: text("token_hint").notNull(),
  action: text().notNull(),
  target: text().notNull(),
  at: timestamp({ withTimezone: true }).notNull().defaultNow(),
});
