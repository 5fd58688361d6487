import { pgTable, text, uuid } from "drizzle-orm/pg-core";

/** A domain, in lower case, and the one source that its pages send to. */
export const sourceDomains = pgTable("source_domains", {
  domain: text().primaryKey(),
  workspaceId: uuid("workspace_id").notNull(),
  sourceId: uuid("source_id").notNull(),
});
