import { and, asc, eq, like, type SQL, sql } from "drizzle-orm";
import { schemaKeyOf } from "../../../event/schema-key.ts";
import type { Manage, PropertyRecord, SchemaFilter } from "../../../registry/manage.ts";
import type { PostgresDb } from "../client.ts";
import { asked } from "../postgres-error.ts";
import { schemas } from "../schema/schemas.ts";
import type { Change } from "./change.ts";
import { pageOf } from "./page.ts";

/** What was learned of a workspace's events. */
export const createManageSchemas = (db: PostgresDb, change: Change): Manage["schemas"] => ({
  list: async ({ workspaceId }, filter, page) => {
    const [key, property] = page.after ?? [];
    const behind =
      key === undefined || property === undefined
        ? undefined
        : sql`(${schemas.key}, ${schemas.property}) > (${key}, ${property})`;
    const rows = await asked(
      db
        .select()
        .from(schemas)
        .where(and(eq(schemas.workspaceId, workspaceId), chosen(filter), behind))
        .orderBy(asc(schemas.key), asc(schemas.property))
        .limit(page.limit + 1),
    );
    const { rows: shown, next } = pageOf(rows, page, (row) => [row.key, row.property]);
    return { rows: shown.map(toRecord), next };
  },

  reset: ({ workspaceId, by }, { key, property }) =>
    change({ workspaceId, by }, async ({ tx, audit, raiseRules }) => {
      const one = and(eq(schemas.workspaceId, workspaceId), eq(schemas.key, key), eq(schemas.property, property));
      const forgotten = await tx.delete(schemas).where(one).returning({ type: schemas.type });
      if (forgotten.length === 0) return false;
      await raiseRules();
      await audit("schema.reset", `${key} ${property}`);
      return true;
    }),
});

function chosen({ type, event }: SchemaFilter): SQL | undefined {
  if (event !== undefined) return eq(schemas.key, schemaKeyOf(type ?? "track", event));
  if (type === "track") return like(schemas.key, "track:%");
  return type === undefined ? undefined : eq(schemas.key, type);
}

const toRecord = ({ key, property, type, learnedAt }: typeof schemas.$inferSelect): PropertyRecord => ({
  key,
  property,
  type,
  learned_at: learnedAt.toISOString(),
});
