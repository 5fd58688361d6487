/** What a property may be. A number is one type whatever its digits; null fits each and teaches none. Decision 11. */
export const PROPERTY_TYPES = ["string", "number", "boolean", "array"] as const;
export type PropertyType = (typeof PROPERTY_TYPES)[number];

/** At most so many are learned; what comes beyond is stored unchecked, with a warning. Decision 11. */
export const PROPERTIES_LEARNED_MAX = 1_000;
export const EVENT_NAMES_LEARNED_MAX = 5_000;

/** A property (`properties.price`, `traits.plan`) of a schema (`event/schema-key.ts`), and the type that it has or that somebody proposes. */
export type TypedProperty = { key: string; property: string; type: PropertyType };

/**
 * What the registry knows of one schema: the types of `properties` and of `traits`, by their bare names, since the door
 * asks for each of them with every event. `full`: it learns no more.
 */
export type EventSchema = {
  properties: ReadonlyMap<string, PropertyType>;
  traits: ReadonlyMap<string, PropertyType>;
  full: boolean;
};
