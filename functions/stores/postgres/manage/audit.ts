import { and, desc, eq, lt } from "drizzle-orm";
import type { Manage } from "../../../registry/manage.ts";
import type { PostgresDb } from "../client.ts";
import { asked } from "../postgres-error.ts";
import { auditLog } from "../schema/audit-log.ts";
import { pageOf } from "./page.ts";

/** What was changed in a workspace and with which token, the newest first. B-34. */
export const createAudit =
  (db: PostgresDb): Manage["audit"] =>
  async ({ workspaceId }, page) => {
    const [after] = page.after ?? [];
    const mine = eq(auditLog.workspaceId, workspaceId);
    const rows = await asked(
      db
        .select()
        .from(auditLog)
        .where(after === undefined ? mine : and(mine, lt(auditLog.id, after)))
        .orderBy(desc(auditLog.id))
        .limit(page.limit + 1),
    );
    const { rows: shown, next } = pageOf(rows, page, ({ id }) => [id]);
    const toRecord = ({ id, at, tokenHint: by, action, target }: (typeof rows)[number]) => {
      return { id, at: at.toISOString(), by, action, target };
    };
    return { rows: shown.map(toRecord), next };
  };
