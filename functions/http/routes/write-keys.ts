import { Hono } from "hono";
import type { Manage } from "../../registry/manage.ts";
import { hashOfKey, newWriteKey } from "../../registry/write-key.ts";
import { queryOf } from "../body.ts";
import { requireScope } from "../guards/scope.ts";
import { callerOf, IdPage, idOf, pageAnswer } from "../page.ts";
import type { DoorVars } from "../vars.ts";

/** The write keys of a source. The answer that makes one is the only place where it can be read. E5, decision 12. */
export const writeKeyRoutes = (keys: Manage["keys"]) =>
  new Hono<DoorVars>({ strict: false })
    .get("/sources/:id/keys", requireScope("sources:read"), async (c) =>
      c.json(pageAnswer("keys", await keys.list(callerOf(c), idOf(c), queryOf(c, IdPage)))),
    )
    .post("/sources/:id/keys", requireScope("sources:write"), async (c) => {
      const key = newWriteKey();
      const made = await keys.add(callerOf(c), idOf(c), { hash: hashOfKey(key.reveal()), hint: key.hint });
      return c.json({ ...made, write_key: key.reveal() }, 201, { "Cache-Control": "no-store" });
    })
    .delete("/sources/:id/keys/:keyId", requireScope("sources:write"), async (c) =>
      c.json(await keys.revoke(callerOf(c), idOf(c), idOf(c, "keyId"))),
    );
