import { type Context, Hono } from "hono";
import { AppError } from "../../kit/errors.ts";
import type { Manage } from "../../registry/manage.ts";
import { suppressedHash } from "../../registry/suppressed.ts";
import { requireScope } from "../guards/scope.ts";
import { callerOf } from "../page.ts";
import type { DoorVars } from "../vars.ts";

/** People whose events are answered with 200 and not stored. Nobody can list them: only hashes are kept. Decision 13f, B-12. */
export const suppressionRoutes = (suppressions: Manage["suppressions"]) =>
  new Hono<DoorVars>({ strict: false })
    .post("/users/:id/suppress", requireScope("privacy:write"), async (c) => {
      await suppressions.add(callerOf(c), personOf(c));
      return c.json({ suppressed: true });
    })
    .delete("/users/:id/suppress", requireScope("privacy:write"), async (c) => {
      await suppressions.remove(callerOf(c), personOf(c));
      return c.json({ suppressed: false });
    })
    .get("/suppressions/:id", requireScope("privacy:read"), async (c) =>
      c.json({ suppressed: await suppressions.has(callerOf(c), personOf(c)) }),
    );

const ID_CHARACTERS_MAX = 512;

function personOf(c: Context<DoorVars>): string {
  const id = c.req.param("id") ?? "";
  if (id !== "" && id.length <= ID_CHARACTERS_MAX) return suppressedHash(c.var.workspaceId, id);
  throw new AppError("validation_failed", `An id has 1 to ${ID_CHARACTERS_MAX} characters.`, { field: "id" });
}
