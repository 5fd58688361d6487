import { pgTable, text, timestamp, uuid } from "drizzle-orm/pg-core";

/** A key of a source, as SHA-256 in hexadecimal; a source may have several, so that one can be replaced without a gap. */
export const writeKeys = pgTable("write_keys", {
  id: uuid().primaryKey().defaultRandom(),
  workspaceId: uuid("workspace_id").notNull(),
  sourceId: uuid("source_id").notNull(),
  keyHash: text("key_hash").notNull(),
  hint: text().notNull(),
  createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
  revokedAt: timestamp("revoked_at", { withTimezone: true }),
});
