import { boolean, jsonb, pgTable, text, timestamp, uuid } from "drizzle-orm/pg-core";
import { ADDRESS_POLICIES, SOURCE_KINDS } from "../../../registry/source.ts";
import type { OwnLimits, WebhookBody } from "../../../registry/source-settings.ts";

/** Where events come from. Its write keys are in `write_keys`, its domains in `source_domains`. */
export const sources = pgTable("sources", {
  id: uuid().primaryKey().defaultRandom(),
  workspaceId: uuid("workspace_id").notNull(),
  name: text().notNull(),
  enabled: boolean().notNull().default(true),
  createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
  kind: text({ enum: SOURCE_KINDS }).notNull().default("sdk"),
  lateCheck: boolean("late_check").notNull().default(true),
  addressPolicy: text("address_policy", { enum: ADDRESS_POLICIES }).notNull().default("truncate"),
  origins: text().array().notNull().default([]),
  webhook: jsonb().$type<WebhookBody>(),
  limits: jsonb().$type<OwnLimits>(),
});
