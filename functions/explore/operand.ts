import type { SqlValue } from "../kit/query.ts";
import { fieldKind } from "./field.ts";
import type { Scalar } from "./filter.ts";
import { Instant } from "./instant.ts";

/** Notes a value under this filter's name, and answers how the text refers to it. */
export type Bind = (type: string, value: SqlValue, part?: string) => string;

/** A field by kind of value: expressions that are NULL where the field holds no such value. */
export type Operand = {
  present: string;
  /** Comparisons may be NULL. */
  nullable: boolean;
  text: string | undefined;
  number: string | undefined;
  boolean: string | undefined;
  /** Is the value a member of the list that the field holds? */
  member: ((value: Scalar, bound: string) => string) | undefined;
  /** How one value, or a list of one kind of values, is bound. */
  bound: (kind: ScalarKind, value: SqlValue, list: boolean) => string;
};
export type ScalarKind = "text" | "number" | "boolean";

export const kindOf = (value: Scalar): ScalarKind =>
  typeof value === "string" ? "text" : typeof value === "number" ? "number" : "boolean";

/** How a field reads in SQL, by what it is. Binds the field itself as an Identifier. Throws on an unknown one. */
export function operandOf(field: string, bind: Bind): Operand {
  const kind = fieldKind(field);
  const column = bind("Identifier", field);
  const own = { nullable: false, text: undefined, number: undefined, boolean: undefined, member: undefined };
  const as = (types: Record<ScalarKind, string>): Operand["bound"] => {
    return (of, value, list) => bind(list ? `Array(${types[of]})` : types[of], value, `_${of}`);
  };
  switch (kind) {
    case "path":
      return {
        present: `isNotNull(${column})`,
        nullable: true,
        text: element(column, "String"),
        number: numberIn(column),
        boolean: element(column, "Bool"),
        member: (value, bound) => memberOf(column, kindOf(value), bound),
        bound: as({ text: "String", number: "Float64", boolean: "Bool" }),
      };
    case "text":
      return {
        ...own,
        present: `(${column} != '')`,
        text: column,
        bound: as({ text: "String", number: "Float64", boolean: "Bool" }),
      };
    case "uuid":
      return {
        ...own,
        present: `isNotNull(${column})`,
        text: column,
        bound: as({ text: "UUID", number: "Float64", boolean: "Bool" }),
      };
    case "time":
      return {
        ...own,
        nullable: true,
        present: `isNotNull(${column})`,
        text: `toUnixTimestamp64Milli(${column})`,
        bound: (_, value, list) => {
          const times = (list ? (value as string[]) : [value as string]).map((text) => Instant.parse(text));
          return list ? bind("Array(Int64)", times, "_time") : bind("Int64", times[0] ?? 0, "_time");
        },
      };
    default:
      throw new Error(`a filter on "${field}" passed validation`);
  }
}

const element = (column: string, type: string) => `dynamicElement(${column}, '${type}')`;

/** JSON knows one kind of number, ClickHouse's JSON type three: all as the double that JavaScript sees. */
const numberIn = (column: string) =>
  `coalesce(toFloat64(${element(column, "Int64")}), ${element(column, "Float64")}, toFloat64(${element(column, "UInt64")}))`;

const LIST_TYPES: Record<ScalarKind, readonly string[]> = {
  text: ["String"],
  number: ["Int64", "Float64", "UInt64"],
  boolean: ["Bool"],
};

/** A list of one kind of values is kept as an array of that kind, a mixed one as an array of anything. */
function memberOf(column: string, kind: ScalarKind, bound: string): string {
  const inMixed = { text: element("one", "String"), number: numberIn("one"), boolean: element("one", "Bool") }[kind];
  const lists = LIST_TYPES[kind].map((type) => {
    const list = element(column, `Array(Nullable(${type}))`);
    return kind === "number"
      ? `arrayExists(one -> ifNull(toFloat64(one) = ${bound}, 0), ${list})`
      : `has(${list}, ${bound})`;
  });
  const mixed = `arrayExists(one -> ifNull(${inMixed} = ${bound}, 0), ${element(column, "Array(Dynamic)")})`;
  return [...lists, mixed].join(" OR ");
}
