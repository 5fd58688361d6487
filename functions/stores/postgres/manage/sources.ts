import { and, asc, eq, gt, inArray } from "drizzle-orm";
import { AppError } from "../../../kit/errors.ts";
import { newId } from "../../../kit/id.ts";
import { lookupOfDomain } from "../../../registry/lookup.ts";
import type { Caller, Manage, SourceRecord } from "../../../registry/manage.ts";
import type { OwnLimits, SourceChange } from "../../../registry/source-settings.ts";
import type { PostgresDb } from "../client.ts";
import { workspaceLimits } from "../limits.ts";
import { asked } from "../postgres-error.ts";
import { sourceDomains } from "../schema/source-domains.ts";
import { sources } from "../schema/sources.ts";
import type { workspaces } from "../schema/workspaces.ts";
import type { Change, Changing, Tx } from "./change.ts";
import { pageOf } from "./page.ts";

type Row = typeof sources.$inferSelect;

/** The sources of a workspace. Doors hold to a change as soon as they are told of it. */
export const createSources = (db: PostgresDb, change: Change): Manage["sources"] => ({
  list: async ({ workspaceId }, page) => {
    const [after] = page.after ?? [];
    const mine = eq(sources.workspaceId, workspaceId);
    const behind = after === undefined ? mine : and(mine, gt(sources.id, after));
    const rows = await asked(
      db
        .select()
        .from(sources)
        .where(behind)
        .orderBy(asc(sources.id))
        .limit(page.limit + 1),
    );
    const { rows: shown, next } = pageOf(rows, page, ({ id }) => [id]);
    return { rows: await asked(withDomains(db, shown)), next };
  },

  get: async (caller, id) => {
    const [found] = await asked(db.select().from(sources).where(own(caller, id)));
    return asked(recordOf(db, found));
  },

  add: (caller, { name, kind, ...settings }) =>
    change(caller, async ({ tx, workspace, audit, forgetLookup }) => {
      checkLimits(settings.limits, workspace);
      const id = newId();
      const [added] = await tx
        .insert(sources)
        .values({ id, workspaceId: caller.workspaceId, name, kind, ...columnsOf(settings) })
        .returning();
      await setDomains(tx, caller, id, settings.domains ?? [], forgetLookup);
      await audit("source.add", id);
      return recordOf(tx, added);
    }),

  change: (caller, id, settings) =>
    change(caller, async ({ tx, workspace, audit, forgetSource, forgetLookup }) => {
      const [before] = await tx.select().from(sources).where(own(caller, id));
      if (!before || Object.keys(settings).length === 0) return recordOf(tx, before);
      checkLimits(settings.limits, workspace);
      await forgetSource(id);
      const columns = { name: settings.name ?? before.name, ...columnsOf(settings) };
      const [after] = await tx.update(sources).set(columns).where(own(caller, id)).returning();
      if (settings.domains) await setDomains(tx, caller, id, settings.domains, forgetLookup);
      await audit("source.change", id);
      return recordOf(tx, after);
    }),

  remove: (caller, id) =>
    change(caller, async ({ tx, audit, forgetSource }) => {
      await forgetSource(id);
      const removed = await tx.delete(sources).where(own(caller, id)).returning({ id: sources.id });
      if (removed.length === 0) throw noSuchSource();
      await audit("source.remove", id);
    }),
});

export const noSuchSource = (): AppError => new AppError("not_found", "This workspace has no such source.");

const own = ({ workspaceId }: Caller, id: string) => and(eq(sources.workspaceId, workspaceId), eq(sources.id, id));

const columnsOf = ({ enabled, late_check, address_policy, origins, webhook, limits }: SourceChange) => ({
  ...(enabled !== undefined && { enabled }),
  ...(late_check !== undefined && { lateCheck: late_check }),
  ...(address_policy !== undefined && { addressPolicy: address_policy }),
  ...(origins !== undefined && { origins }),
  ...(webhook !== undefined && { webhook }),
  ...(limits !== undefined && { limits }),
});

function checkLimits(limits: OwnLimits | null | undefined, workspace: typeof workspaces.$inferSelect): void {
  if (!limits) return;
  const { windowRequestsMax, dayEventsMax } = workspaceLimits(workspace.tier, workspace.limits);
  const bounds = [
    ["window_requests_max", windowRequestsMax],
    ["day_events_max", dayEventsMax],
  ] as const;
  for (const [name, max] of bounds) {
    if (max === null || (limits[name] ?? Number.POSITIVE_INFINITY) <= max) continue;
    throw new AppError("validation_failed", `The workspace itself may not have more than ${max}.`, {
      field: `limits.${name}`,
    });
  }
}

/** Makes these the source's domains. A domain leads to one source only, whoever's it is. */
async function setDomains(
  tx: Tx,
  { workspaceId }: Caller,
  sourceId: string,
  domains: readonly string[],
  forgetLookup: Changing["forgetLookup"],
): Promise<void> {
  await tx.delete(sourceDomains).where(eq(sourceDomains.sourceId, sourceId));
  if (domains.length === 0) return;
  // In one order, so that two who want the same domains never wait for each other in a circle.
  const rows = domains.toSorted().map((domain) => ({ domain, workspaceId, sourceId }));
  const taken = await tx.insert(sourceDomains).values(rows).onConflictDoNothing().returning();
  const missing = domains.find((domain) => !taken.some((row) => row.domain === domain));
  if (missing !== undefined)
    throw new AppError("conflict", `The domain ${missing} leads to another source.`, { field: "domains" });
  for (const domain of domains) forgetLookup(lookupOfDomain(domain));
}

async function recordOf(db: PostgresDb | Tx, row: Row | undefined): Promise<SourceRecord> {
  const [record] = await withDomains(db, row ? [row] : []);
  if (!record) throw noSuchSource();
  return record;
}

async function withDomains(db: PostgresDb | Tx, rows: readonly Row[]): Promise<SourceRecord[]> {
  const ids = rows.map(({ id }) => id);
  const found = ids.length > 0 ? await db.select().from(sourceDomains).where(inArray(sourceDomains.sourceId, ids)) : [];
  return rows.map((row) =>
    toRecord(
      row,
      found.filter(({ sourceId }) => sourceId === row.id).map((one) => one.domain),
    ),
  );
}

const toRecord = (row: Row, domains: string[]): SourceRecord => ({
  id: row.id,
  name: row.name,
  kind: row.kind,
  enabled: row.enabled,
  late_check: row.lateCheck,
  address_policy: row.addressPolicy,
  origins: row.origins,
  domains: domains.toSorted(),
  webhook: row.webhook,
  limits: row.limits,
  created_at: row.createdAt.toISOString(),
});
