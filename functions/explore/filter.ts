import * as z from "zod";
import { fieldKind } from "./field.ts";
import { Instant } from "./instant.ts";

const EQUALITY = ["eq", "neq", "in", "not_in"] as const;
const ORDER = ["gt", "gte", "lt", "lte"] as const;
const PRESENCE = ["exists", "not_exists"] as const;
export const FILTER_OPS = [...EQUALITY, ...ORDER, "contains", ...PRESENCE] as const;
export type FilterOp = (typeof FILTER_OPS)[number];

const FILTERS_MAX = 20;
const VALUES_MAX = 500;
const VALUE_CHARS_MAX = 512;
/** Values travel in the request's line to ClickHouse, which ends at 1 MB: 9 bytes there for a character of any script. */
const CHARS_MAX = 60_000;

const Scalar = z.union([z.string().max(VALUE_CHARS_MAX), z.number(), z.boolean()], {
  error: `a value is a text of at most ${VALUE_CHARS_MAX} characters, a number or a boolean`,
});
export type Scalar = z.output<typeof Scalar>;

const OPS_BY_KIND: Record<"path" | "text" | "uuid" | "time", readonly FilterOp[]> = {
  path: FILTER_OPS,
  text: FILTER_OPS,
  uuid: [...EQUALITY, ...PRESENCE],
  time: [...EQUALITY, ...ORDER, ...PRESENCE],
};

/**
 * One condition on an event; several are joined by "and". What each operator means stands in `predicates.ts`.
 * A wrong one fails with the path of what is wrong: `field`, `op` or `value`.
 */
export const Filter = z
  .object({
    field: z.string(),
    op: z.enum(FILTER_OPS, { error: `an operator is one of ${FILTER_OPS.join(", ")}` }),
    value: z
      .union([Scalar, z.array(Scalar).min(1).max(VALUES_MAX)], {
        error: `a value is a text of at most ${VALUE_CHARS_MAX} characters, a number, a boolean, or a list of 1 to ${VALUES_MAX} of them`,
      })
      .optional(),
  })
  .superRefine((filter, context) => {
    const wrong = wrongOf(filter);
    if (wrong) context.addIssue({ code: "custom", path: [wrong[0]], message: wrong[1] });
  });
export type Filter = z.output<typeof Filter>;

/** Conditions that hold together. */
export const Filters = z
  .array(Filter)
  .max(FILTERS_MAX)
  .refine((filters) => JSON.stringify(filters).length <= CHARS_MAX, {
    error: `filters have at most ${CHARS_MAX} characters together`,
  });

function wrongOf({ field, op, value }: { field: string; op: FilterOp; value?: Scalar | Scalar[] | undefined }) {
  const kind = fieldKind(field);
  if (!kind) return ["field", `there is no field "${field}" on an event`] as const;
  if (!OPS_BY_KIND[kind].includes(op)) return ["op", `${op} does not apply to ${field}`] as const;
  const values = valueList(value);
  if (op === "exists" || op === "not_exists") {
    return value === undefined ? undefined : (["value", `${op} takes no value`] as const);
  }
  if (values.length === 0) return ["value", `${op} needs a value`] as const;
  if (Array.isArray(value) !== (op === "in" || op === "not_in")) {
    return ["value", op === "in" || op === "not_in" ? `${op} needs a list` : `${op} takes one value`] as const;
  }
  const bad = values.find((one) => !fits(one, kind, op));
  return bad === undefined ? undefined : (["value", `${JSON.stringify(bad)} does not fit ${field} ${op}`] as const);
}

export const valueList = (value: Scalar | readonly Scalar[] | undefined): readonly Scalar[] =>
  value === undefined ? [] : typeof value === "object" ? value : [value];

function fits(value: Scalar, kind: keyof typeof OPS_BY_KIND, op: FilterOp): boolean {
  const ordered = (ORDER as readonly string[]).includes(op);
  switch (kind) {
    case "path":
      return !(ordered && typeof value === "boolean");
    case "text":
      return typeof value === "string";
    case "uuid":
      return z.guid().safeParse(value).success;
    case "time":
      return Instant.safeParse(value).success;
    default:
      return kind satisfies never;
  }
}
