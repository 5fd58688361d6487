import { and, eq, exists, isNull, type SQL, sql } from "drizzle-orm";
import { isUuid } from "../../kit/id.ts";
import { readLookup } from "../../registry/lookup.ts";
import type { Source, WebhookMapping } from "../../registry/source.ts";
import type { WebhookBody } from "../../registry/source-settings.ts";
import type { PostgresDb } from "./client.ts";
import { sourceLimits, workspaceLimits } from "./limits.ts";
import { asked } from "./postgres-error.ts";
import { sourceDomains } from "./schema/source-domains.ts";
import { sources } from "./schema/sources.ts";
import { suppressions } from "./schema/suppressions.ts";
import { trackingPlans } from "./schema/tracking-plans.ts";
import { workspaces } from "./schema/workspaces.ts";
import { writeKeys } from "./schema/write-keys.ts";

/**
 * The source that a lookup (`registry/lookup.ts`) leads to, switched off or not, with all that the door needs to know of
 * its workspace; null for one that leads nowhere or whose key was revoked. One statement. Throws `unavailable` when the
 * database cannot say. I-05, I-07, S-6, decision 12.
 */
export function createSourceByLookup(db: PostgresDb) {
  const has = (table: typeof trackingPlans | typeof suppressions): SQL<boolean> =>
    sql<boolean>`${exists(db.select({ one: sql`1` }).from(table).where(eq(table.workspaceId, sources.workspaceId)))}`;
  const fields = {
    source: sources,
    tier: workspaces.tier,
    workspaceLimits: workspaces.limits,
    version: workspaces.rulesVersion,
    plan: has(trackingPlans),
    suppressed: has(suppressions),
  };
  return async (lookup: string): Promise<Source | null> => {
    const condition = leadsTo(db, lookup);
    if (!condition) return null;
    const select = db.select(fields).from(sources).innerJoin(workspaces, eq(workspaces.id, sources.workspaceId));
    const [found] = await asked(select.where(condition));
    return found ? toSource(found) : null;
  };
}

/** The condition on `sources`; undefined where no source can meet it. */
function leadsTo(db: PostgresDb, text: string): SQL | undefined {
  const lookup = readLookup(text);
  switch (lookup.by) {
    case "key": {
      const live = and(eq(writeKeys.keyHash, lookup.hash), isNull(writeKeys.revokedAt));
      return eq(sources.id, db.select({ id: writeKeys.sourceId }).from(writeKeys).where(live));
    }
    case "domain": {
      const named = eq(sourceDomains.domain, lookup.name);
      return eq(sources.id, db.select({ id: sourceDomains.sourceId }).from(sourceDomains).where(named));
    }
    case "site":
      return isUuid(lookup.id) ? eq(sources.id, lookup.id) : undefined;
    default:
      return lookup satisfies never;
  }
}

type Found = {
  source: typeof sources.$inferSelect;
  tier: (typeof workspaces.$inferSelect)["tier"];
  workspaceLimits: (typeof workspaces.$inferSelect)["limits"];
  version: number;
  plan: boolean;
  suppressed: boolean;
};

const toSource = ({ source, tier, workspaceLimits: own, version, plan, suppressed }: Found): Source => ({
  id: source.id,
  workspaceId: source.workspaceId,
  name: source.name,
  enabled: source.enabled,
  limits: sourceLimits(workspaceLimits(tier, own), source.limits),
  lateCheck: source.lateCheck,
  address: source.addressPolicy,
  origins: source.origins,
  webhook: source.webhook && toMapping(source.webhook),
  rules: { version, plan, suppressed },
});

function toMapping({ event, user_id, anonymous_id, message_id, timestamp, properties }: WebhookBody): WebhookMapping {
  const named = { event, userId: user_id, anonymousId: anonymous_id, messageId: message_id, timestamp, properties };
  return Object.fromEntries(Object.entries(named).filter(([, path]) => path !== undefined)) as WebhookMapping;
}
