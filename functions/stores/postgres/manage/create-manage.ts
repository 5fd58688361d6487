import type { Manage } from "../../../registry/manage.ts";
import type { PostgresDb } from "../client.ts";
import { createAudit } from "./audit.ts";
import { createChange, type Forget } from "./change.ts";
import { createKeys } from "./keys.ts";
import { createPlan } from "./plan.ts";
import { createManageSchemas } from "./schemas.ts";
import { createSources } from "./sources.ts";
import { createSuppressions } from "./suppressions.ts";
import { createTokens } from "./tokens.ts";
import { createWorkspace } from "./workspace.ts";

/** Everything that the manage API asks of the database. `forget` tells the doors what has changed. */
export function createManage(db: PostgresDb, forget: Forget): Manage {
  const change = createChange(db, forget);
  return {
    workspace: createWorkspace(db, change),
    sources: createSources(db, change),
    keys: createKeys(db, change),
    plan: createPlan(db, change),
    schemas: createManageSchemas(db, change),
    suppressions: createSuppressions(db, change),
    tokens: createTokens(db, change),
    audit: createAudit(db),
  };
}
