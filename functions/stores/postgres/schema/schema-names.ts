import { pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";

/** The keys of `schemas` that are event names, each once, so that they can be counted. */
export const schemaNames = pgTable(
  "schema_names",
  { workspaceId: uuid("workspace_id").notNull(), key: text().notNull() },
  (table) => [primaryKey({ columns: [table.workspaceId, table.key] })],
);
