import type { SqlPart, SqlValue } from "../kit/query.ts";
import { type Filter, type Scalar, valueList } from "./filter.ts";
import { type Bind, kindOf, type Operand, operandOf, type ScalarKind } from "./operand.ts";

/**
 * The one compiler of filters (decision 19): conditions on events, joined by AND, each starting with "AND". Fields and
 * values travel as parameters, a field as `Identifier`: a path named this way is read without the rest of its JSON
 * column. Only operators of this file become text. Parameter names start with `prefix`.
 *
 * What a condition means:
 * - Nothing is coerced: 12 and "12" differ, true and 1 differ; 12 and 12.0 are one number.
 * - neq, not_in and not_exists hold exactly where eq, in and exists do not, so also where the field is absent.
 * - A property that is null counts as absent, as does an own column that is "" or null; `eq ""` finds such columns.
 * - gt, gte, lt and lte compare numbers with numbers and texts with texts (by code point, which orders ISO times);
 *   the absent, and values of another type, never match.
 * - contains: a text that holds the value whatever the case of its letters, or a list that has the value as a member.
 */
export function compileFilters(filters: readonly Filter[], prefix = "f"): SqlPart {
  const values: Record<string, SqlValue> = {};
  const lines = filters.map((filter, index) => {
    const name = `${prefix}${index}`;
    const bind: Bind = (type, value, part = "") => {
      values[`${name}${part}`] = value;
      return `{${name}${part}: ${type}}`;
    };
    return `AND ${condition(filter, bind)}`;
  });
  return { text: lines.join("\n  "), values };
}

const COMPARISON = { gt: ">", gte: ">=", lt: "<", lte: "<=" } as const;

function condition({ field, op, value }: Filter, bind: Bind): string {
  const operand = operandOf(field, bind);
  const values = valueList(value);
  switch (op) {
    case "eq":
    case "in":
      return isAnyOf(operand, values);
    case "neq":
    case "not_in":
      return `NOT ${isAnyOf(operand, values)}`;
    case "exists":
      return operand.present;
    case "not_exists":
      return `NOT ${operand.present}`;
    case "gt":
    case "gte":
    case "lt":
    case "lte":
      return compares(operand, COMPARISON[op], values);
    case "contains":
      return contains(operand, values);
    default:
      return op satisfies never;
  }
}

/** One comparison for each kind of value in the list; `eq` is a list of one. */
function isAnyOf(operand: Operand, values: readonly Scalar[]): string {
  const kinds: ScalarKind[] = ["text", "number", "boolean"];
  const comparisons = kinds.flatMap((kind) => {
    const wanted = values.filter((value) => kindOf(value) === kind);
    const held = operand[kind];
    return held === undefined || wanted.length === 0
      ? []
      : [orFalse(operand, `${held} IN ${operand.bound(kind, wanted, true)}`)];
  });
  return `(${comparisons.join(" OR ") || "0"})`;
}

function compares(operand: Operand, sign: string, [value]: readonly Scalar[]): string {
  if (value === undefined) return "0";
  const kind = kindOf(value);
  const held = operand[kind];
  return held === undefined
    ? "0"
    : `(${operand.present} AND ${orFalse(operand, `${held} ${sign} ${operand.bound(kind, value, false)}`)})`;
}

function contains(operand: Operand, [value]: readonly Scalar[]): string {
  if (value === undefined) return "0";
  const kind = kindOf(value);
  const bound = operand.bound(kind, value, false);
  const within =
    kind === "text" && operand.text !== undefined
      ? [`(${operand.present} AND ${orFalse(operand, `positionCaseInsensitiveUTF8(${operand.text}, ${bound}) > 0`)})`]
      : [];
  const member = operand.member ? [operand.member(value, bound)] : [];
  return `(${[...within, ...member].join(" OR ") || "0"})`;
}

/** A comparison with NULL is false and not NULL, so that its NOT is true. */
const orFalse = (operand: Operand, comparison: string) => (operand.nullable ? `ifNull(${comparison}, 0)` : comparison);
