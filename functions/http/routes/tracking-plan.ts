import { Hono } from "hono";
import * as z from "zod";
import { EVENT_TYPES } from "../../event/event.ts";
import { schemaKeyOf } from "../../event/schema-key.ts";
import { AppError } from "../../kit/errors.ts";
import { notNamed, violationsOf } from "../../registry/compile-plan.ts";
import type { Manage, PlanRecord } from "../../registry/manage.ts";
import { PlanBody } from "../../registry/plan-body.ts";
import { bodyOf } from "../body.ts";
import { requireScope } from "../guards/scope.ts";
import { callerOf } from "../page.ts";
import type { DoorVars } from "../vars.ts";

/** An event to try: what identify and group say are `traits`, which may be given under either name. */
const Tried = z.strictObject({
  type: z.enum(EVENT_TYPES).default("track"),
  event: z.string().max(255).default(""),
  properties: z.record(z.string(), z.json()).optional(),
  traits: z.record(z.string(), z.json()).optional(),
});

/** What events must look like. Isolates hold to a new plan as soon as they hear of it, within 65 s at the latest. B-11. */
export const trackingPlanRoutes = (plan: Manage["plan"]) =>
  new Hono<DoorVars>({ strict: false })
    .get("/tracking-plan", requireScope("plans:read"), async (c) => c.json(theOne(await plan.get(callerOf(c)))))
    .put("/tracking-plan", requireScope("plans:write"), async (c) =>
      c.json(await plan.put(callerOf(c), await bodyOf(c, PlanBody))),
    )
    .delete("/tracking-plan", requireScope("plans:write"), async (c) =>
      c.json({ deleted: await plan.remove(callerOf(c)) }),
    )
    .post("/tracking-plan/check", requireScope("plans:read"), async (c) => {
      const tried = await bodyOf(c, Tried);
      return c.json({ violations: violations(theOne(await plan.get(callerOf(c))), tried) });
    });

function theOne(plan: PlanRecord | null): PlanRecord {
  if (plan) return plan;
  throw new AppError("not_found", "This workspace has no tracking plan.");
}

/** All that the plan says of an event, with what would happen to it; `allow` is said too, so that a mode can be chosen. */
function violations(plan: PlanRecord, { type, event, properties, traits }: z.output<typeof Tried>) {
  const key = schemaKeyOf(type, event);
  const planned = plan.events.find((one) => schemaKeyOf(one.type, one.event) === key);
  if (!planned)
    return type === "track" && plan.unplanned !== "allow" ? [{ mode: plan.unplanned, ...notNamed(event) }] : [];
  const mode = planned.mode ?? plan.mode;
  return violationsOf(planned, traits ?? properties ?? {}).map((violation) => ({ mode, ...violation }));
}
