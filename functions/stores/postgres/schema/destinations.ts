import { boolean, jsonb, pgTable, text, timestamp, uuid } from "drizzle-orm/pg-core";
import type { JsonObject } from "../../../event/event.ts";

/** Where events and audiences are sent: its `kind` says how, its `config` where. */
export const destinations = pgTable("destinations", {
  id: uuid().primaryKey().defaultRandom(),
  workspaceId: uuid("workspace_id").notNull(),
  name: text().notNull(),
  kind: text().notNull(),
  config: jsonb().$type<JsonObject>().notNull().default({}),
  enabled: boolean().notNull().default(true),
  createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
});
