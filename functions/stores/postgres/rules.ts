import { eq, sql } from "drizzle-orm";
import type { PostgresDb } from "./client.ts";
import { asked } from "./postgres-error.ts";
import type { LoadRules } from "./rules-cache.ts";
import { suppressions } from "./schema/suppressions.ts";
import { trackingPlans } from "./schema/tracking-plans.ts";
import { workspaces } from "./schema/workspaces.ts";

/** Rules in Postgres, plan and list in one statement. Throws `unavailable` when the database does not answer. */
export const createLoadRules = (db: PostgresDb): LoadRules => {
  const list = sql<string | null>`(
    select string_agg(${suppressions.idHash}, ',') from ${suppressions} where ${suppressions.workspaceId} = ${workspaces.id}
  )`;
  const fields = { version: workspaces.rulesVersion, plan: trackingPlans, list };
  return async (workspaceId) => {
    const [found] = await asked(
      db
        .select(fields)
        .from(workspaces)
        .leftJoin(trackingPlans, eq(trackingPlans.workspaceId, workspaces.id))
        .where(eq(workspaces.id, workspaceId)),
    );
    if (!found) return { plan: null, suppressed: new Set(), version: 0 };
    const { version, plan, list: hashes } = found;
    return {
      version,
      plan: plan && { mode: plan.mode, unplanned: plan.unplanned, events: plan.events },
      suppressed: new Set(hashes === null ? [] : hashes.split(",")),
    };
  };
};
