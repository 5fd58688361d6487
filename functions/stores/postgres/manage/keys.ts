import { and, asc, eq, gt, isNull } from "drizzle-orm";
import { AppError } from "../../../kit/errors.ts";
import { newId } from "../../../kit/id.ts";
import type { Caller, KeyRecord, Manage } from "../../../registry/manage.ts";
import type { PostgresDb } from "../client.ts";
import { asked } from "../postgres-error.ts";
import { sources } from "../schema/sources.ts";
import { writeKeys } from "../schema/write-keys.ts";
import type { Change, Tx } from "./change.ts";
import { pageOf } from "./page.ts";
import { noSuchSource } from "./sources.ts";

/** The write keys of a source, revoked ones too. */
export const createKeys = (db: PostgresDb, change: Change): Manage["keys"] => ({
  list: async (caller, sourceId, page) => {
    await asked(mustHave(db, caller, sourceId));
    const [after] = page.after ?? [];
    const mine = ofSource(caller, sourceId);
    const rows = await asked(
      db
        .select()
        .from(writeKeys)
        .where(after === undefined ? mine : and(mine, gt(writeKeys.id, after)))
        .orderBy(asc(writeKeys.id))
        .limit(page.limit + 1),
    );
    const { rows: shown, next } = pageOf(rows, page, ({ id }) => [id]);
    return { rows: shown.map(toRecord), next };
  },

  add: (caller, sourceId, { hash, hint }) =>
    change(caller, async ({ tx, audit, forgetLookup }) => {
      await mustHave(tx, caller, sourceId);
      const { workspaceId } = caller;
      const row = { id: newId(), workspaceId, sourceId, keyHash: hash, hint };
      const [added] = await tx.insert(writeKeys).values(row).onConflictDoNothing().returning();
      if (!added) throw new AppError("conflict", "This write key exists already.");
      // A door may have just asked for it and remember that nobody has it.
      forgetLookup(hash);
      await audit("key.add", `${sourceId} ${added.id} ${hint}`);
      return toRecord(added);
    }),

  revoke: (caller, sourceId, keyId) =>
    change(caller, async ({ tx, audit, forgetLookup }) => {
      const one = and(ofSource(caller, sourceId), eq(writeKeys.id, keyId));
      const revoked = await tx
        .update(writeKeys)
        .set({ revokedAt: new Date() })
        .where(and(one, isNull(writeKeys.revokedAt)))
        .returning();
      const [found] = revoked.length > 0 ? revoked : await tx.select().from(writeKeys).where(one);
      if (!found) throw new AppError("not_found", "This source has no such key.");
      forgetLookup(found.keyHash);
      if (revoked.length > 0) await audit("key.revoke", `${sourceId} ${keyId} ${found.hint}`);
      return toRecord(found);
    }),
});

const ofSource = ({ workspaceId }: Caller, sourceId: string) =>
  and(eq(writeKeys.workspaceId, workspaceId), eq(writeKeys.sourceId, sourceId));

async function mustHave(db: PostgresDb | Tx, { workspaceId }: Caller, sourceId: string): Promise<void> {
  const mine = and(eq(sources.workspaceId, workspaceId), eq(sources.id, sourceId));
  const found = await db.select({ id: sources.id }).from(sources).where(mine);
  if (found.length === 0) throw noSuchSource();
}

const toRecord = ({ id, hint, createdAt, revokedAt }: typeof writeKeys.$inferSelect): KeyRecord => ({
  id,
  hint,
  created_at: createdAt.toISOString(),
  revoked_at: revokedAt?.toISOString() ?? null,
});
