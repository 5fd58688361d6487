import { pgTable, primaryKey, text, timestamp, uuid } from "drizzle-orm/pg-core";
import { PROPERTY_TYPES } from "../../../registry/event-schema.ts";

/** The first type seen of each property of a schema. Decision 11. */
export const schemas = pgTable(
  "schemas",
  {
    workspaceId: uuid("workspace_id").notNull(),
    key: text().notNull(),
    property: text().notNull(),
    type: text({ enum: PROPERTY_TYPES }).notNull(),
    learnedAt: timestamp("learned_at", { withTimezone: true }).notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.workspaceId, table.key, table.property] })],
);
