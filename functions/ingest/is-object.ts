import type { Json, JsonObject } from "../event/event.ts";

/** A JSON object: neither a list nor null. */
export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
