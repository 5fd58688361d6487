/** What a property may be. A number is one type whatever its digits; null fits each and teaches none. Decision 11. */
export const PROPERTY_TYPES = ["string", "number", "boolean", "array"] as const;
export type PropertyType = (typeof PROPERTY_TYPES)[number];

/** The schema an event falls under: a track event has one for each name, every other call one for its type. */
export const schemaKeyOf = (type: string, event: string): string => (type === "track" ? `track:${event}` : type);

/** At most so many are learned; what comes beyond is stored unchecked, with a warning. Decision 11. */
export const PROPERTIES_LEARNED_MAX = 1_000;
export const EVENT_NAMES_LEARNED_MAX = 5_000;

/** A property (`properties.price`, `traits.plan`) of a schema, and the type that it has or that somebody proposes. */
export type TypedProperty = { key: string; property: string; type: PropertyType };

/** What the registry knows of one schema. `full`: it learns no more. */
export type EventSchema = { properties: ReadonlyMap<string, PropertyType>; full: boolean };
