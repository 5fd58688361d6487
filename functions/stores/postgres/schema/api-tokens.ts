import { pgTable, text, timestamp, uuid } from "drizzle-orm/pg-core";

/** What lets a program ask and manage one workspace, as SHA-256 in hexadecimal. Without `expires_at` it never expires. */
export const apiTokens = pgTable("api_tokens", {
  id: uuid().primaryKey().defaultRandom(),
  workspaceId: uuid("workspace_id").notNull(),
  tokenHash: text("token_hash").notNull(),
  hint: text().notNull(),
  name: text().notNull(),
  scopes: text().array().notNull(),
  expiresAt: timestamp("expires_at", { withTimezone: true }),
  createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
  revokedAt: timestamp("revoked_at", { withTimezone: true }),
});
