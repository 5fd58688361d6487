import { jsonb, pgTable, text, timestamp, uuid } from "drizzle-orm/pg-core";
import type { JsonObject } from "../../../event/event.ts";

/** One person, or one visitor whom nobody has identified: all ids that are theirs, and the latest of each trait. D-20. */
export const profiles = pgTable("profiles", {
  id: uuid().primaryKey().defaultRandom(),
  workspaceId: uuid("workspace_id").notNull(),
  userId: text("user_id"),
  anonymousIds: text("anonymous_ids").array().notNull().default([]),
  traits: jsonb().$type<JsonObject>().notNull().default({}),
  firstSeenAt: timestamp("first_seen_at", { withTimezone: true }).notNull(),
  lastSeenAt: timestamp("last_seen_at", { withTimezone: true }).notNull(),
});
