import { AppError } from "../kit/errors.ts";
import { createPatterns } from "./safe-pattern.ts";

/** A JSON Schema that holds nothing but checked keywords: all that may reach the compiler. */
export type PlanSchema = { readonly [keyword: string]: unknown };

const DEPTH_MAX = 16;
const KEYS_MAX = 1_000;
/**
 * A key of a schema for the items of an array counts as so many: an event may hold some 25,000 items, and each is held
 * to each of them. A hundred such keys cost 100 ms at worst.
 */
const ITEMS_WEIGHT = 10;
/** The formats that a plan may name. */
export const FORMATS = ["date-time", "date", "email", "uuid", "uri"] as const;
const TYPES = ["string", "number", "integer", "boolean", "array", "object", "null"];
/** The door drops them from every event, so nothing that a plan says of them could hold. */
const DROPPED = ["__proto__", "constructor", "prototype"];

/** Said for people only; they end here. */
const ANNOTATIONS = new Set([
  ...["$schema", "$id", "$comment", "title", "description", "default", "examples"],
  ...["deprecated", "readOnly", "writeOnly"],
]);

/** What a reader is given beside the value: where it stands, and what belongs to the whole schema. */
type At = {
  path: string;
  depth: number;
  weight: number;
  count: (keys: number) => void;
  pattern: (text: string, path: string) => void;
};
/** Checks a keyword's value and makes a copy of it. */
type Reader = (value: unknown, at: At) => unknown;

/**
 * Reads a tenant's JSON Schema into a fresh one. Throws `validation_failed` with the path of the first thing that is
 * wrong: a keyword that is unknown or of the wrong type, a pattern that RE2 lacks, a format not in `FORMATS`, more than
 * 16 levels or 1,000 keys, of which those for the items of arrays count tenfold. `$ref` is refused (a few lines of it can unfold for ever), so is `uniqueItems` (quadratic).
 */
export function readPlanSchema(schema: unknown, path: string): PlanSchema {
  const patterns = createPatterns();
  let keys = 0;
  const count = (more: number) => {
    keys += more;
    if (keys > KEYS_MAX) throw wrong(path, `has more than ${KEYS_MAX} keys`);
  };
  const pattern = (text: string, field: string) => {
    try {
      patterns.compile(text);
    } catch (error) {
      throw error instanceof AppError ? new AppError(error.code, error.message, { field }) : error;
    }
  };
  return readObject(schema, { path, depth: 1, weight: 1, count, pattern });
}

function readObject(schema: unknown, at: At): PlanSchema {
  if (at.depth > DEPTH_MAX) throw wrong(at.path, `nests deeper than ${DEPTH_MAX} levels`);
  const entries = Object.entries(objectOf(schema, at.path)).filter(([keyword]) => !ANNOTATIONS.has(keyword));
  at.count(entries.length * at.weight);
  return Object.fromEntries(
    entries.map(([keyword, value]) => {
      const path = `${at.path}.${keyword}`;
      const reader = READERS.get(keyword);
      if (!reader) throw wrong(path, "is not a keyword that tracking plans know");
      return [keyword, reader(value, { ...at, path })];
    }),
  );
}

const subschema: Reader = (value, at) =>
  typeof value === "boolean" ? value : readObject(value, { ...at, depth: at.depth + 1 });

const schemaOfItems: Reader = (value, at) => subschema(value, { ...at, weight: ITEMS_WEIGHT });

const subschemas: Reader = (value, at) => {
  if (!Array.isArray(value) || value.length === 0) throw wrong(at.path, "must be a list of schemas, not empty");
  return value.map((one, index) => subschema(one, { ...at, path: `${at.path}.${index}` }));
};

const subschemasByName: Reader = (value, at) => {
  const named = Object.entries(objectOf(value, at.path));
  at.count(named.length * at.weight);
  return Object.fromEntries(
    named.map(([name, one]) => [nameOf(name, at), subschema(one, { ...at, path: `${at.path}.${name}` })]),
  );
};

const subschemasByPattern: Reader = (value, at) => {
  for (const text of Object.keys(objectOf(value, at.path))) at.pattern(text, `${at.path}.${text}`);
  return subschemasByName(value, at);
};

const scalar: Reader = (value, at) => {
  if (value === null || ["string", "boolean"].includes(typeof value) || Number.isFinite(value)) return value;
  throw wrong(at.path, "must be text, a number, true, false or null");
};

const scalars: Reader = (value, at) => {
  if (!Array.isArray(value) || value.length === 0) throw wrong(at.path, "must be a list of values, not empty");
  return value.map((one, index) => scalar(one, { ...at, path: `${at.path}.${index}` }));
};

/** JSON writes 1e400 as null, and a plan that was kept as such would be none. */
const number: Reader = (value, at) => {
  if (Number.isFinite(value)) return value;
  throw wrong(at.path, "must be a number");
};

const aboveZero: Reader = (value, at) => {
  if (Number.isFinite(value) && (value as number) > 0) return value;
  throw wrong(at.path, "must be a number above zero");
};

const size: Reader = (value, at) => {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value;
  throw wrong(at.path, "must be a whole number from 0");
};

const names: Reader = (value, at) => {
  if (!Array.isArray(value) || value.some((name) => typeof name !== "string"))
    throw wrong(at.path, "must be a list of names");
  at.count(value.length * at.weight);
  return [...new Set((value as string[]).map((name) => nameOf(name, at)))];
};

const types: Reader = (value, at) => {
  const given: unknown[] = Array.isArray(value) ? value : [value];
  if (given.length > 0 && given.every((type) => typeof type === "string" && TYPES.includes(type)))
    return Array.isArray(value) ? [...new Set(given)] : value;
  throw wrong(at.path, `must be one of ${TYPES.join(", ")}, or a list of them`);
};

const format: Reader = (value, at) => {
  if (FORMATS.some((known) => known === value)) return value;
  throw wrong(at.path, `must be one of ${FORMATS.join(", ")}`);
};

const pattern: Reader = (value, at) => {
  if (typeof value !== "string") throw wrong(at.path, "must be text");
  at.pattern(value, at.path);
  return value;
};

/** Every keyword that a plan may use, drafts 7 to 2020-12. */
const READERS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ["type", types],
  ["properties", subschemasByName],
  ["patternProperties", subschemasByPattern],
  ["additionalProperties", subschema],
  ["propertyNames", subschema],
  ["required", names],
  ["minProperties", size],
  ["maxProperties", size],
  ["items", schemaOfItems],
  ["contains", schemaOfItems],
  ["minItems", size],
  ["maxItems", size],
  ["enum", scalars],
  ["const", scalar],
  ["minimum", number],
  ["maximum", number],
  ["exclusiveMinimum", number],
  ["exclusiveMaximum", number],
  ["multipleOf", aboveZero],
  ["minLength", size],
  ["maxLength", size],
  ["pattern", pattern],
  ["format", format],
  ["allOf", subschemas],
  ["anyOf", subschemas],
  ["oneOf", subschemas],
  ["not", subschema],
  ["if", subschema],
  ["then", subschema],
  ["else", subschema],
]);

function objectOf(value: unknown, path: string): object {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw wrong(path, "must be an object");
}

function nameOf(name: string, at: At): string {
  // Ajv takes a missing property of this name for one that is there.
  if (name === "") throw wrong(at.path, "has an empty name");
  if (DROPPED.includes(name)) throw wrong(`${at.path}.${name}`, "is dropped from every event, a plan cannot name it");
  return name;
}

const wrong = (field: string, why: string): AppError =>
  new AppError("validation_failed", `${field} ${why}.`, { field });
