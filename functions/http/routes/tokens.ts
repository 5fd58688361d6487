import { Hono } from "hono";
import * as z from "zod";
import { hashOfToken, newToken } from "../../auth/api-token.ts";
import { allows, GrantedScope } from "../../auth/scopes.ts";
import { AppError } from "../../kit/errors.ts";
import type { Manage } from "../../registry/manage.ts";
import { Name } from "../../registry/source-settings.ts";
import { bodyOf, queryOf } from "../body.ts";
import { requireScope } from "../guards/scope.ts";
import { callerOf, IdPage, idOf, pageAnswer } from "../page.ts";
import type { DoorVars } from "../vars.ts";

const newTokenBody = (now: () => number) =>
  z.strictObject({
    name: Name,
    scopes: z
      .array(GrantedScope)
      .min(1)
      .transform((scopes) => [...new Set(scopes)]),
    expires_at: z.iso
      .datetime({ offset: true })
      .refine((text) => Date.parse(text) > now(), { error: "it lies in the past" })
      .nullable()
      .default(null),
  });

/** API tokens. The answer that makes one is the only place where it can be read; nobody gives away what they lack. B-34. */
export function tokenRoutes(tokens: Manage["tokens"], now: () => number) {
  const NewToken = newTokenBody(now);
  return new Hono<DoorVars>({ strict: false })
    .get("/tokens", requireScope("tokens:read"), async (c) =>
      c.json(pageAnswer("tokens", await tokens.list(callerOf(c), queryOf(c, IdPage)))),
    )
    .post("/tokens", requireScope("tokens:write"), async (c) => {
      const body = await bodyOf(c, NewToken);
      const beyond = body.scopes.find((scope) => !allows(c.var.scopes, scope));
      if (beyond) throw new AppError("forbidden", `This API token lacks ${beyond} itself.`, { field: "scopes" });
      const token = newToken();
      const made = await tokens.add(callerOf(c), { ...body, hash: hashOfToken(token.reveal()), hint: token.hint });
      return c.json({ ...made, token: token.reveal() }, 201, { "Cache-Control": "no-store" });
    })
    .delete("/tokens/:id", requireScope("tokens:write"), async (c) =>
      c.json(await tokens.revoke(callerOf(c), idOf(c))),
    );
}
