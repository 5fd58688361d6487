import { asc, eq, or, sql } from "drizzle-orm";
import { hashOfToken, newToken, type TokenSecret } from "../../../auth/api-token.ts";
import { GrantedScope } from "../../../auth/scopes.ts";
import { AppError } from "../../../kit/errors.ts";
import { newId } from "../../../kit/id.ts";
import type { Manage, TokenRecord, WorkspaceRecord } from "../../../registry/manage.ts";
import type { Tier } from "../../../registry/source.ts";
import type { PostgresDb } from "../client.ts";
import { workspaceLimits } from "../limits.ts";
import { asked } from "../postgres-error.ts";
import { apiTokens } from "../schema/api-tokens.ts";
import { auditLog } from "../schema/audit-log.ts";
import { sources } from "../schema/sources.ts";
import { workspaces } from "../schema/workspaces.ts";
import { writeKeys } from "../schema/write-keys.ts";
import type { Change } from "./change.ts";
import { toRecord } from "./workspace.ts";

type OperatorPorts = { db: PostgresDb; manage: Manage; change: Change; by: string };
/** What is left out stays; another tier ends limits of its own, unless they are given too. Null is no limit. */
export type Allowance = {
  tier?: Tier | undefined;
  windowRequestsMax?: number | null | undefined;
  dayEventsMax?: number | null | undefined;
};

/**
 * What only the operator may do: make workspaces, and look across them. No door has it; `npm run admin` does. What is not
 * there is `not_found`.
 */
export function createOperator({ db, manage, change, by }: OperatorPorts) {
  return {
    addWorkspace: ({
      name,
      tier,
      timezone,
    }: {
      name: string;
      tier: Tier;
      timezone: string;
    }): Promise<WorkspaceRecord> =>
      asked(
        db.transaction(async (tx) => {
          const [added] = await tx.insert(workspaces).values({ id: newId(), name, tier, timezone }).returning();
          if (!added) throw new Error("Postgres returned no row for an insert");
          const line = { workspaceId: added.id, tokenHint: by, action: "workspace.add", target: added.id };
          await tx.insert(auditLog).values({ id: newId(), ...line });
          return toRecord(added);
        }),
      ),

    /** What a workspace may send. Its doors hold to it as soon as they hear of it. I-07. */
    allow: (workspaceId: string, { tier, windowRequestsMax, dayEventsMax }: Allowance): Promise<WorkspaceRecord> =>
      change({ workspaceId, by }, async ({ tx, workspace, audit, forgetAll }) => {
        const own = tier === undefined ? workspace.limits : null;
        const now = workspaceLimits(tier ?? workspace.tier, own);
        const isGiven = windowRequestsMax !== undefined || dayEventsMax !== undefined;
        const limits = {
          window_requests_max: windowRequestsMax === undefined ? now.windowRequestsMax : windowRequestsMax,
          day_events_max: dayEventsMax === undefined ? now.dayEventsMax : dayEventsMax,
        };
        const columns = { tier: tier ?? workspace.tier, limits: isGiven ? limits : own };
        const [changed] = await tx.update(workspaces).set(columns).where(eq(workspaces.id, workspaceId)).returning();
        await forgetAll();
        await audit("workspace.allow", `${columns.tier} ${JSON.stringify(columns.limits)}`);
        return toRecord(changed ?? workspace);
      }),

    workspaces: async (): Promise<WorkspaceRecord[]> =>
      (await asked(db.select().from(workspaces).orderBy(asc(workspaces.createdAt), asc(workspaces.id)))).map(toRecord),

    /** By its id, or by its name where no other has it. */
    workspaceId: async (text: string): Promise<string> => {
      const named = or(eq(sql`${workspaces.id}::text`, text.toLowerCase()), eq(workspaces.name, text));
      const found = await asked(db.select({ id: workspaces.id }).from(workspaces).where(named));
      return only(
        found,
        `There is no workspace "${text}".`,
        `Several workspaces are called "${text}"; name one by its id.`,
      ).id;
    },

    /** The workspace of a source, by the source's id, or by its name where no other has it. */
    sourceId: async (text: string): Promise<{ workspaceId: string; sourceId: string }> => {
      const named = or(eq(sql`${sources.id}::text`, text.toLowerCase()), eq(sources.name, text));
      const { workspaceId, id: sourceId } = sources;
      const found = await asked(db.select({ workspaceId, sourceId }).from(sources).where(named));
      return only(found, `There is no source "${text}".`, `Several sources are called "${text}"; name one by its id.`);
    },

    revokeKey: async (id: string) => {
      const { workspaceId, sourceId } = writeKeys;
      const select = db.select({ workspaceId, sourceId }).from(writeKeys);
      const found = only(
        await asked(select.where(eq(sql`${writeKeys.id}::text`, id.toLowerCase()))),
        "There is no such key.",
      );
      return manage.keys.revoke({ workspaceId: found.workspaceId, by }, found.sourceId, id);
    },

    /** A token with these scopes, which can be read here and never again. `validation_failed` for a scope that is none. */
    addToken: async (
      workspaceId: string,
      { name, scopes, expires_at }: { name: string; scopes: readonly string[]; expires_at: string | null },
    ): Promise<{ record: TokenRecord; token: TokenSecret }> => {
      for (const scope of scopes) {
        const { error } = GrantedScope.safeParse(scope);
        if (error) throw new AppError("validation_failed", `"${scope}" is no scope: ${error.issues[0]?.message}.`);
      }
      const token = newToken();
      const secret = { hash: hashOfToken(token.reveal()), hint: token.hint };
      return { record: await manage.tokens.add({ workspaceId, by }, { ...secret, name, scopes, expires_at }), token };
    },

    revokeToken: async (id: string): Promise<TokenRecord> => {
      const select = db.select({ workspaceId: apiTokens.workspaceId }).from(apiTokens);
      const mine = eq(sql`${apiTokens.id}::text`, id.toLowerCase());
      const { workspaceId } = only(await asked(select.where(mine)), "There is no such token.");
      return manage.tokens.revoke({ workspaceId, by }, id);
    },
  };
}

function only<Row>(found: readonly Row[], none: string, several = none): Row {
  const [first, second] = found;
  if (first === undefined) throw new AppError("not_found", none);
  if (second !== undefined) throw new AppError("conflict", several);
  return first;
}
