import { and, eq, isNull, sql } from "drizzle-orm";
import { AppError } from "../../../kit/errors.ts";
import { newId } from "../../../kit/id.ts";
import { log } from "../../../kit/log.ts";
import { lookupOfDomain, lookupOfSite } from "../../../registry/lookup.ts";
import type { Caller } from "../../../registry/manage.ts";
import type { PostgresDb } from "../client.ts";
import { asked } from "../postgres-error.ts";
import { auditLog } from "../schema/audit-log.ts";
import { sourceDomains } from "../schema/source-domains.ts";
import { sources } from "../schema/sources.ts";
import { workspaces } from "../schema/workspaces.ts";
import { writeKeys } from "../schema/write-keys.ts";

export type Tx = Parameters<Parameters<PostgresDb["transaction"]>[0]>[0];
/** Makes the doors ask again for what these lookups lead to. Rejects when the cache cannot be told. */
export type Forget = (lookups: readonly string[]) => Promise<void>;

/** What a change is done with. The workspace's row is locked, so that changes of one workspace follow each other. */
export type Changing = {
  tx: Tx;
  workspace: typeof workspaces.$inferSelect;
  /** Notes for the audit log what was done, and to what. */
  audit: (action: string, target: string) => Promise<void>;
  /** The doors forget every lookup of a source, as it is now, once this is committed. */
  forgetSource: (sourceId: string) => Promise<void>;
  forgetLookup: (lookup: string) => void;
  /** As forgetSource, for all sources of the workspace. */
  forgetAll: () => Promise<void>;
  /** Isolates forget the workspace's plan, schemas and suppressed people. */
  raiseRules: () => Promise<void>;
};
export type Change = <T>(caller: Caller, work: (changing: Changing) => Promise<T>) => Promise<T>;

/**
 * A change of one workspace as one transaction, after which the doors are told. `not_found` without such a workspace.
 * The cache may be away: that is logged, and the change holds when what is cached has run out (F31).
 */
export const createChange =
  (db: PostgresDb, forget: Forget): Change =>
  async ({ workspaceId, by }, work) => {
    const lookups = new Set<string>();
    const answer = await asked(
      db.transaction(async (tx) => {
        const select = tx.select().from(workspaces).where(eq(workspaces.id, workspaceId));
        const [workspace] = await select.for("no key update");
        if (!workspace) throw new AppError("not_found", "This workspace does not exist.");
        const forgetAll = async () => {
          for (const lookup of await lookupsOf(tx, workspaceId)) lookups.add(lookup);
        };
        return work({
          tx,
          workspace,
          audit: async (action, target) => {
            await tx.insert(auditLog).values({ id: newId(), workspaceId, tokenHint: by, action, target });
          },
          forgetSource: async (sourceId) => {
            for (const lookup of await lookupsOf(tx, workspaceId, sourceId)) lookups.add(lookup);
          },
          forgetLookup: (lookup) => void lookups.add(lookup),
          forgetAll,
          raiseRules: async () => {
            const rulesVersion = sql`${workspaces.rulesVersion} + 1`;
            await tx.update(workspaces).set({ rulesVersion }).where(eq(workspaces.id, workspaceId));
            await forgetAll();
          },
        });
      }),
    );
    if (lookups.size > 0)
      await forget([...lookups]).catch((err: unknown) =>
        log.warn({ workspace_id: workspaceId, lookups: lookups.size, err }, "the cache was not told of a change"),
      );
    return answer;
  };

/** Everything that leads to a source of the workspace, or to one of them. */
async function lookupsOf(tx: Tx, workspaceId: string, sourceId?: string): Promise<string[]> {
  const of = (table: typeof writeKeys | typeof sourceDomains) =>
    and(eq(table.workspaceId, workspaceId), sourceId === undefined ? undefined : eq(table.sourceId, sourceId));
  const keys = await tx
    .select({ hash: writeKeys.keyHash })
    .from(writeKeys)
    .where(and(of(writeKeys), isNull(writeKeys.revokedAt)));
  const domains = await tx.select({ name: sourceDomains.domain }).from(sourceDomains).where(of(sourceDomains));
  const own = eq(sources.workspaceId, workspaceId);
  const sites = await tx
    .select({ id: sources.id })
    .from(sources)
    .where(sourceId === undefined ? own : and(own, eq(sources.id, sourceId)));
  return [
    ...keys.map(({ hash }) => hash),
    ...domains.map(({ name }) => lookupOfDomain(name)),
    ...sites.map(({ id }) => lookupOfSite(id)),
  ];
}
