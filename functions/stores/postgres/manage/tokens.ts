import { and, asc, eq, gt, isNull } from "drizzle-orm";
import { AppError } from "../../../kit/errors.ts";
import { newId } from "../../../kit/id.ts";
import type { Manage, TokenRecord } from "../../../registry/manage.ts";
import type { PostgresDb } from "../client.ts";
import { asked } from "../postgres-error.ts";
import { apiTokens } from "../schema/api-tokens.ts";
import type { Change } from "./change.ts";
import { pageOf } from "./page.ts";

/** The API tokens of a workspace, revoked and expired ones too. Every request asks for its token, so a revoke holds at once. */
export const createTokens = (db: PostgresDb, change: Change): Manage["tokens"] => ({
  list: async ({ workspaceId }, page) => {
    const [after] = page.after ?? [];
    const mine = eq(apiTokens.workspaceId, workspaceId);
    const rows = await asked(
      db
        .select()
        .from(apiTokens)
        .where(after === undefined ? mine : and(mine, gt(apiTokens.id, after)))
        .orderBy(asc(apiTokens.id))
        .limit(page.limit + 1),
    );
    const { rows: shown, next } = pageOf(rows, page, ({ id }) => [id]);
    return { rows: shown.map(toRecord), next };
  },

  add: (caller, { hash, hint, name, scopes, expires_at }) =>
    change(caller, async ({ tx, audit }) => {
      const expiresAt = expires_at === null ? null : new Date(expires_at);
      const row = { id: newId(), workspaceId: caller.workspaceId, tokenHash: hash, hint, name, scopes: [...scopes] };
      const [added] = await tx
        .insert(apiTokens)
        .values({ ...row, expiresAt })
        .returning();
      if (!added) throw new Error("Postgres returned no row for an insert");
      await audit("token.add", `${added.id} ${hint} ${scopes.join(",")}`);
      return toRecord(added);
    }),

  revoke: (caller, id) =>
    change(caller, async ({ tx, audit }) => {
      const one = and(eq(apiTokens.workspaceId, caller.workspaceId), eq(apiTokens.id, id));
      const revoked = await tx
        .update(apiTokens)
        .set({ revokedAt: new Date() })
        .where(and(one, isNull(apiTokens.revokedAt)))
        .returning();
      const [found] = revoked.length > 0 ? revoked : await tx.select().from(apiTokens).where(one);
      if (!found) throw new AppError("not_found", "This workspace has no such token.");
      if (revoked.length > 0) await audit("token.revoke", `${id} ${found.hint}`);
      return toRecord(found);
    }),
});

const toRecord = (row: typeof apiTokens.$inferSelect): TokenRecord => ({
  id: row.id,
  hint: row.hint,
  name: row.name,
  scopes: row.scopes,
  expires_at: row.expiresAt?.toISOString() ?? null,
  created_at: row.createdAt.toISOString(),
  revoked_at: row.revokedAt?.toISOString() ?? null,
});
