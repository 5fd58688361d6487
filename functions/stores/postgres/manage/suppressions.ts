import { and, eq } from "drizzle-orm";
import type { Caller, Manage } from "../../../registry/manage.ts";
import type { PostgresDb } from "../client.ts";
import { asked } from "../postgres-error.ts";
import { suppressions } from "../schema/suppressions.ts";
import type { Change } from "./change.ts";

/** Who is not to be stored. The audit log has the hash too, never an id. Decision 13f. */
export const createSuppressions = (db: PostgresDb, change: Change): Manage["suppressions"] => ({
  has: async (caller, idHash) => {
    const found = await asked(db.select().from(suppressions).where(one(caller, idHash)));
    return found.length > 0;
  },

  add: (caller, idHash) =>
    change(caller, async ({ tx, audit, raiseRules }) => {
      const row = { workspaceId: caller.workspaceId, idHash };
      const added = await tx.insert(suppressions).values(row).onConflictDoNothing().returning();
      if (added.length === 0) return;
      await raiseRules();
      await audit("user.suppress", idHash);
    }),

  remove: (caller, idHash) =>
    change(caller, async ({ tx, audit, raiseRules }) => {
      const removed = await tx.delete(suppressions).where(one(caller, idHash)).returning();
      if (removed.length === 0) return;
      await raiseRules();
      await audit("user.unsuppress", idHash);
    }),
});

const one = ({ workspaceId }: Caller, idHash: string) =>
  and(eq(suppressions.workspaceId, workspaceId), eq(suppressions.idHash, idHash));
