import type { FlatEvent, Json, JsonObject, ReceivedEvent } from "../event/event.ts";
import { AppError } from "../kit/errors.ts";
import { snakeCase } from "./snake-case.ts";
import { NAME_CHARS_MAX } from "./validate.ts";

const DEPTH_MAX = 16;
const KEYS_MAX = 1_000;
/** Names that JavaScript gives a meaning to; no client means them as properties. Decision 10, E3. */
const DROPPED = new Set(["__proto__", "constructor", "prototype"]);

/** The properties, traits and context of an event, flat. Throws as `flatten` does. */
export const flattened = (event: ReceivedEvent): Pick<FlatEvent, "properties" | "traits" | "context" | "flat"> => ({
  properties: flatten(event.properties, "properties"),
  traits: flatten(event.traits, "traits"),
  context: flatten(event.context, "context"),
  flat: true,
});

/**
 * `{ a: { "B c": 1 } }` becomes `{ a_b_c: 1 }`; arrays stay whole, ClickHouse keeps them as arrays. Throws
 * `flatten_conflict` with the field when two paths meet, `validation_failed` for more than 16 levels or 1,000 keys, a
 * name of more than 255 characters, or a number that is not finite. Decisions 10, 13b, 13c.
 */
export function flatten(object: JsonObject, root: string): JsonObject {
  // A plain object, since such are written and read fastest: no name that it inherits is in snake_case, and the one
  // that could be, `constructor`, is dropped.
  const flat: JsonObject = {};
  let keys = 0;
  const walk = (from: JsonObject, under: Name, depth: number) => {
    if (depth > DEPTH_MAX) throw tooDeep(root);
    for (const name in from) {
      const known = nameUnder(under, name);
      if (known === undefined) continue;
      const value = from[name] as Json;
      const type = typeof value;
      if (type === "object" && value !== null && !Array.isArray(value)) {
        walk(value as JsonObject, known, depth + 1);
        continue;
      }
      const { path } = known;
      if (path.length > NAME_CHARS_MAX)
        throw invalid(
          root,
          `A name in ${root} has ${path.length} characters once flat, the limit is ${NAME_CHARS_MAX}.`,
        );
      if (flat[path] !== undefined) throw conflict(object, root, path);
      if (++keys > KEYS_MAX) throw invalid(root, `${root} has more than ${KEYS_MAX} keys.`);
      if (type === "number") checkFinite(value as number, root, path);
      flat[path] = type === "object" && value !== null ? checkedList(value as Json[], root, path, depth + 1) : value;
    }
  };
  walk(object, names, 1);
  return flat;
}

/** A name as it was sent, at its place: its flat path, and the names that were seen under it. */
type Name = { path: string; under: Map<string, Name> | undefined };

/** Names recur in every event, so each path is made once; a flood of made-up ones empties the memory instead of filling it. */
let names: Name = { path: "", under: undefined };
let namesKept = 0;
const NAMES_KEPT_MAX = 20_000;

/** The name's flat path; undefined for one that is dropped. */
function nameUnder(parent: Name, name: string): Name | undefined {
  const known = parent.under?.get(name);
  if (known !== undefined) return known;
  if (DROPPED.has(name)) return undefined;
  const path = parent.path === "" ? snakeCase(name) : `${parent.path}_${snakeCase(name)}`;
  if (DROPPED.has(path)) return undefined;
  const added = { path, under: undefined };
  if (path.length > NAME_CHARS_MAX) return added;
  if (namesKept >= NAMES_KEPT_MAX) {
    names = { path: "", under: undefined };
    namesKept = 0;
  }
  namesKept++;
  parent.under ??= new Map();
  parent.under.set(name, added);
  return added;
}

/** A list as it came, but for the dropped names; its depth and its numbers obey the same limits. */
function checkedList(list: Json[], root: string, path: string, depth: number): Json[] {
  if (depth > DEPTH_MAX) throw tooDeep(root);
  return list.map((item) => {
    if (typeof item === "number") checkFinite(item, root, path);
    if (Array.isArray(item)) return checkedList(item, root, path, depth + 1);
    if (typeof item !== "object" || item === null) return item;
    const kept = Object.entries(item).filter(([name]) => !DROPPED.has(name));
    const values = checkedList(
      kept.map(([, value]) => value),
      root,
      path,
      depth + 1,
    );
    return Object.fromEntries(kept.map(([name], index) => [name, values[index] as Json]));
  });
}

const invalid = (field: string, message: string) => new AppError("validation_failed", message, { field });
const tooDeep = (root: string) => invalid(root, `${root} is nested more than ${DEPTH_MAX} levels deep.`);

function checkFinite(value: number, root: string, path: string): void {
  if (!Number.isFinite(value))
    throw invalid(`${root}.${path}`, `${root}.${path} is too large for a number. Send it as a text.`);
}

/** Names both paths, so that the one who sent them can rename one. Only a refused event pays for the second walk. */
function conflict(object: JsonObject, root: string, path: string): AppError {
  const paths = pathsOf(object, root).filter(([, flat]) => flat === path);
  const [first, second] = paths.map(([dotted]) => shortened(dotted));
  return new AppError("flatten_conflict", `${first} and ${second} both become ${root}.${path}. Rename one.`, {
    field: `${root}.${path}`,
  });
}

/** Of a name as it was sent, which may be as long as the event: the sentence goes to the answer, the cache and the letter. */
const shortened = (dotted: string) => (dotted.length > NAME_CHARS_MAX ? `${dotted.slice(0, NAME_CHARS_MAX)}…` : dotted);

function pathsOf(object: JsonObject, dotted: string, prefix = "", depth = 1): [dotted: string, flat: string][] {
  // What lies deeper was never reached by the walk that met the conflict.
  if (depth > DEPTH_MAX) return [];
  return Object.keys(object).flatMap((name) => {
    if (DROPPED.has(name)) return [];
    const value = object[name] as Json;
    const flat = prefix + snakeCase(name);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? pathsOf(value, `${dotted}.${name}`, `${flat}_`, depth + 1)
      : [[`${dotted}.${name}`, flat]];
  });
}
