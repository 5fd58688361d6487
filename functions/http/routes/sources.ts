import { Hono } from "hono";
import type { Manage } from "../../registry/manage.ts";
import { NewSource, SourceChange } from "../../registry/source-settings.ts";
import { bodyOf, queryOf } from "../body.ts";
import { requireScope } from "../guards/scope.ts";
import { callerOf, IdPage, idOf, pageAnswer } from "../page.ts";
import type { DoorVars } from "../vars.ts";

/** Where events may come from. A new source has no key yet: `POST /sources/:id/keys` makes one. I-05, I-27. */
export const sourceRoutes = (sources: Manage["sources"]) =>
  new Hono<DoorVars>({ strict: false })
    .get("/sources", requireScope("sources:read"), async (c) =>
      c.json(pageAnswer("sources", await sources.list(callerOf(c), queryOf(c, IdPage)))),
    )
    .post("/sources", requireScope("sources:write"), async (c) =>
      c.json(await sources.add(callerOf(c), await bodyOf(c, NewSource)), 201),
    )
    .get("/sources/:id", requireScope("sources:read"), async (c) => c.json(await sources.get(callerOf(c), idOf(c))))
    .patch("/sources/:id", requireScope("sources:write"), async (c) =>
      c.json(await sources.change(callerOf(c), idOf(c), await bodyOf(c, SourceChange))),
    )
    .delete("/sources/:id", requireScope("sources:write"), async (c) => {
      await sources.remove(callerOf(c), idOf(c));
      return c.json({ deleted: true });
    });
