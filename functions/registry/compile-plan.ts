import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import { fullFormats } from "ajv-formats/dist/formats.js";
import type { JsonObject } from "../event/event.ts";
import { schemaKeyOf } from "../event/schema-key.ts";
import type { CheckPlan } from "../ingest/ports.ts";
import { FORMATS, readPlanSchema } from "./plan-schema.ts";
import { createPatterns, PatternsTooSlow } from "./safe-pattern.ts";
import type { PlannedEvent, TrackingPlan } from "./tracking-plan.ts";

/** What breaks a plan, and where: `properties.price`. */
export type Violation = { field: string; message: string };

/**
 * A plan as a check of events as their clients send them; keep it, since it compiles each schema once, when its event
 * first comes. `unplanned` is about track events: other calls have no name, and are checked where the plan has their
 * type (`event` is then not looked at). Not in the plan, or mode `allow`: never checked. First violation only. B-11.
 *
 * A schema is a tenant's text, and Ajv makes code of it. Only what `readPlanSchema` has copied reaches Ajv: keywords
 * from a list, numbers, booleans, and texts which Ajv quotes by JSON.stringify; patterns and allowed values are passed
 * as objects and never become code. No `$ref`, no `$data`, no formats but ours.
 */
export function compilePlan(plan: TrackingPlan): CheckPlan {
  const planned = new Map(plan.events.map((event) => [schemaKeyOf(event.type, event.event), event]));
  const checks = new Map<string, Check>();
  return (type, event, bag) => {
    const key = schemaKeyOf(type, event);
    const found = planned.get(key);
    const mode = found ? (found.mode ?? plan.mode) : type === "track" ? plan.unplanned : "allow";
    if (mode === "allow") return undefined;
    if (!found) return { mode, ...notNamed(event) };
    const check = checks.get(key) ?? compileSchema(found);
    checks.set(key, check);
    const [violation] = check(bag);
    return violation && { mode, ...violation };
  };
}

/** `compilePlan`, kept for as long as its plan is: for callers that hold the plan only. */
export function createCheckPlan(): (plan: TrackingPlan) => CheckPlan {
  const kept = new WeakMap<TrackingPlan, CheckPlan>();
  return (plan) => {
    const known = kept.get(plan);
    if (known) return known;
    const compiled = compilePlan(plan);
    kept.set(plan, compiled);
    return compiled;
  };
}

/** Everything (at most 100 things) that breaks the schema of one planned event, whatever its mode; for trying a plan out. */
export const violationsOf = (planned: PlannedEvent, bag: JsonObject): Violation[] =>
  compileSchema(planned, true)(bag).slice(0, VIOLATIONS_MAX);

export const notNamed = (event: string): Violation => ({
  field: "event",
  message: `The tracking plan does not name the event "${event}".`,
});

const VIOLATIONS_MAX = 100;
const FORMAT_TABLE = Object.fromEntries(FORMATS.map((name) => [name, fullFormats[name]]));

type Check = (bag: JsonObject) => Violation[];

/** Throws `validation_failed` for a schema that the plan should never have taken. */
function compileSchema({ type, schema }: PlannedEvent, allErrors = false): Check {
  const bagName = type === "identify" || type === "group" ? "traits" : "properties";
  const { compile, refill } = createPatterns();
  const ajv = new Ajv({
    strict: false,
    allErrors,
    validateSchema: false,
    meta: false,
    addUsedSchema: false,
    ownProperties: true,
    formats: FORMAT_TABLE,
    // `code` names the engine in code that Ajv would write to a file; ours stays in memory. Ajv's optimiser is off: it took
    // five times the rest (49 ms against 265 for 490 properties), and checks were not faster for it.
    code: { regExp: Object.assign(compile, { code: "compile" }), optimize: false },
  });
  // Ajv's own compares with each allowed value; a list of a thousand over a long array would take seconds.
  ajv.removeKeyword("enum").addKeyword({
    keyword: "enum",
    compile: (values: unknown[]) => {
      const allowed = new Set(values);
      return (value: unknown) => allowed.has(value);
    },
    error: { message: "must be one of the allowed values" },
  });
  const validate = ajv.compile(readPlanSchema(schema, "schema"));
  return (bag) => {
    refill();
    return verdict(validate, bag, bagName);
  };
}

function verdict(validate: ValidateFunction, bag: JsonObject, bagName: string): Violation[] {
  try {
    if (validate(bag)) return [];
    return (validate.errors ?? []).map((error) => toViolation(error, bagName));
  } catch (error) {
    if (!(error instanceof PatternsTooSlow)) throw error;
    return [{ field: bagName, message: `${bagName} is too long for the patterns of the tracking plan.` }];
  }
}

const FIELD_CHARACTERS_MAX = 300;

function toViolation({ instancePath, params, message = "breaks the plan" }: ErrorObject, bagName: string): Violation {
  const { missingProperty, additionalProperty, propertyName } = params as Record<string, unknown>;
  const name = missingProperty ?? additionalProperty ?? propertyName;
  const path = instancePath.split("/").slice(1).map(unescapePointer);
  const field = [bagName, ...path, ...(typeof name === "string" ? [name] : [])]
    .join(".")
    .slice(0, FIELD_CHARACTERS_MAX);
  if (missingProperty !== undefined) return { field, message: `${field} is required by the tracking plan.` };
  if (additionalProperty !== undefined) return { field, message: `${field} is not in the tracking plan.` };
  return { field, message: `${field} ${message}.` };
}

const unescapePointer = (part: string): string => part.replaceAll("~1", "/").replaceAll("~0", "~");
