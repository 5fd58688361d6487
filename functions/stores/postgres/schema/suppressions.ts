import { pgTable, primaryKey, text, timestamp, uuid } from "drizzle-orm/pg-core";

/** Who is not to be stored, as `suppressedHash`. */
export const suppressions = pgTable(
  "suppressions",
  {
    workspaceId: uuid("workspace_id").notNull(),
    idHash: text("id_hash").notNull(),
    createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.workspaceId, table.idHash] })],
);
