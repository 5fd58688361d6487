import * as z from "zod";
import { EVENT_TYPES } from "../event/event.ts";
import { schemaKeyOf } from "../event/schema-key.ts";
import { AppError } from "../kit/errors.ts";
import { readPlanSchema } from "./plan-schema.ts";
import { PLAN_MODES, type PlannedEvent } from "./tracking-plan.ts";

const Mode = z.enum(PLAN_MODES, { error: `a mode is one of ${PLAN_MODES.join(", ")}` });

const Planned = z
  .strictObject({
    type: z.enum(EVENT_TYPES, { error: `a type is one of ${EVENT_TYPES.join(", ")}` }).default("track"),
    event: z.string().max(255).default(""),
    schema: z.record(z.string(), z.unknown(), { error: "a schema is a JSON Schema, an object" }),
    mode: Mode.optional(),
  })
  .superRefine(({ type, event, schema }, ctx) => {
    if (type === "track" && event === "")
      ctx.addIssue({ code: "custom", path: ["event"], message: "a track event has a name" });
    const fault = faultOf(schema);
    if (fault) ctx.addIssue({ code: "custom", path: fault.path, message: fault.message });
  });

/** A tracking plan as the manage API takes it: each JSON Schema is held to `readPlanSchema`, no event is planned twice. B-11. */
export const PlanBody = z
  .strictObject({ mode: Mode, unplanned: Mode.default("allow"), events: z.array(Planned) })
  .superRefine(({ events }, ctx) => {
    const seen = new Set<string>();
    for (const [index, { type, event }] of events.entries()) {
      const key = schemaKeyOf(type, event);
      if (seen.has(key)) ctx.addIssue({ code: "custom", path: ["events", index], message: "it is planned twice" });
      seen.add(key);
    }
  });
export type PlanBody = z.output<typeof PlanBody>;

function faultOf(schema: PlannedEvent["schema"]): { path: string[]; message: string } | undefined {
  try {
    readPlanSchema(schema, "schema");
    return undefined;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    // The path again as one piece: names of properties have dots of their own.
    return { path: [error.field ?? "schema"], message: error.message.replace(/\.$/, "") };
  }
}
