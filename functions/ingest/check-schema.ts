import type { FlatEvent, JsonObject, Warning } from "../event/event.ts";
import { each, going, type Outcome } from "../event/outcome.ts";
import { schemaKeyOf } from "../event/schema-key.ts";
import { AppError, messageOf } from "../kit/errors.ts";
import { log } from "../kit/log.ts";
import type { EventSchema, PropertyType, TypedProperty } from "../registry/event-schema.ts";
import type { Source } from "../registry/source.ts";
import type { Schemas } from "./ports.ts";

/**
 * Holds each property and trait to the type that was seen first, without coercion: another type is `schema_conflict` with
 * the field, null fits every type. What nobody has seen yet is learned, in the order of the events, unless `learns` is
 * false or the schema is full: then it is stored unchecked, with a warning. So it is while the registry is away: what an
 * isolate knows it goes on checking, and no event is refused or lost for it. Decision 11, I-12, F32.
 */
export async function checkSchemas<Event extends FlatEvent>(
  schemas: Schemas,
  source: Source,
  outcomes: readonly Outcome<Event>[],
  learns: boolean,
): Promise<Outcome<Event>[]> {
  const unknown = keysOf(going(outcomes)).filter((key) => !schemas.known(source, key));
  const loaded = unknown.length === 0 || (await attempt(() => schemas.load(source, unknown)));

  const proposed: TypedProperty[] = [];
  const open = new Set<Event>();
  const first = each(outcomes, "schema", (event) => {
    const schema = schemas.known(source, keyOf(event));
    const news = unseen(event, schema);
    if (news.length > 0) {
      open.add(event);
      if (schema && !schema.full && learns) proposed.push(...news);
    }
    return event;
  });
  if (open.size === 0) return first;

  const learned = proposed.length === 0 || (await attempt(() => schemas.learn(source, unique(proposed))));
  const away: Warning = loaded && learned ? "schema_full" : "schema_unchecked";
  return each(first, "schema", (event) => {
    if (!open.has(event)) return event;
    // What was learned may be another isolate's type, or that of an earlier event of this batch.
    const still = unseen(event, schemas.known(source, keyOf(event)));
    return still.length === 0 ? event : warned(event, learns ? away : "not_learned");
  });
}

const keyOf = ({ type, event }: FlatEvent) => schemaKeyOf(type, event);
const keysOf = (events: readonly FlatEvent[]) =>
  events.length === 1 ? events.map(keyOf) : [...new Set(events.map(keyOf))];

/** The properties without a type, with the type that they have; throws for the first that has another one. */
function unseen(event: FlatEvent, schema: EventSchema | undefined): TypedProperty[] {
  let news: TypedProperty[] | undefined;
  const check = (bag: JsonObject, root: "properties" | "traits", types: EventSchema["properties"] | undefined) => {
    for (const name in bag) {
      const type = typeOf(bag[name]);
      if (type === undefined) continue;
      const known = types?.get(name);
      if (known === type) continue;
      if (known !== undefined) throw conflict(`${root}.${name}`, known, type);
      news ??= [];
      news.push({ key: keyOf(event), property: `${root}.${name}`, type });
    }
  };
  check(event.properties, "properties", schema?.properties);
  check(event.traits, "traits", schema?.traits);
  return news ?? NOTHING;
}

const NOTHING: TypedProperty[] = [];

function typeOf(value: JsonObject[string] | undefined): PropertyType | undefined {
  const type = typeof value;
  if (type === "string" || type === "number" || type === "boolean") return type;
  return Array.isArray(value) ? "array" : undefined;
}

const conflict = (field: string, known: PropertyType, type: PropertyType) =>
  new AppError(
    "schema_conflict",
    `${field} is ${withArticle(known)} since it was first seen, this is ${withArticle(type)}.`,
    {
      field,
    },
  );
const withArticle = (type: PropertyType) => (type === "array" ? "an array" : `a ${type}`);

/** The first proposal of each property: it is the one that counts. */
function unique(proposed: readonly TypedProperty[]): TypedProperty[] {
  const first = new Map<string, TypedProperty>();
  for (const one of proposed) {
    const name = `${one.key}\n${one.property}`;
    if (!first.has(name)) first.set(name, one);
  }
  return [...first.values()];
}

/** The same event with one warning more. */
export const warned = <Event extends FlatEvent>(event: Event, warning: Warning): Event => ({
  ...event,
  warnings: [...event.warnings, warning],
});

async function attempt(work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    log.warn({ error: messageOf(error) }, "the schema registry is away: new properties are stored unchecked");
    return false;
  }
}
