import { Hono } from "hono";
import * as z from "zod";
import { EVENT_TYPES } from "../../event/event.ts";
import type { Manage, PropertyRecord } from "../../registry/manage.ts";
import { bodyOf, queryOf } from "../body.ts";
import { requireScope } from "../guards/scope.ts";
import { callerOf, PAIR_PAGE, pageAnswer, pageAsked } from "../page.ts";
import type { DoorVars } from "../vars.ts";

const Asked = z.object({
  ...PAIR_PAGE,
  type: z.enum(EVENT_TYPES).optional(),
  event: z.string().min(1).max(255).optional(),
});

const Reset = z.strictObject({
  key: z.string().min(1).max(300),
  property: z
    .string()
    .regex(/^(?:properties|traits)\../u, { error: "a property is such as properties.price" })
    .max(300),
});

/** What was learned of events, and how to undo a wrong first one: reset the type, replay what it refused. Decision 11. */
export const schemaRoutes = (schemas: Manage["schemas"]) =>
  new Hono<DoorVars>({ strict: false })
    .get("/schemas", requireScope("schemas:read"), async (c) => {
      const { type, event, ...page } = queryOf(c, Asked);
      const { rows, next } = await schemas.list(callerOf(c), { type, event }, pageAsked(page));
      return c.json(pageAnswer("schemas", { rows: rows.map(shown), next }));
    })
    .post("/schemas/reset", requireScope("schemas:write"), async (c) => {
      const property = await bodyOf(c, Reset);
      const reset = await schemas.reset(callerOf(c), property);
      const filter = { code: "schema_conflict", field: property.property, ...readKey(property.key) };
      return c.json({ reset, replay: { filter } });
    });

/** `track:Order Completed` → what dead letters of that schema are found by. */
function readKey(key: string): { type: string; event?: string } {
  return key.startsWith("track:") ? { type: "track", event: key.slice("track:".length) } : { type: key };
}

const shown = ({ key, property, type, learned_at }: PropertyRecord) => {
  const { type: call, event = "" } = readKey(key);
  return { key, type: call, event, property, property_type: type, learned_at };
};
