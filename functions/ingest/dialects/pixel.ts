import type { Json, JsonObject } from "../../event/event.ts";
import { AppError } from "../../kit/errors.ts";
import { isObject } from "../is-object.ts";
import type { Dialect } from "./dialect.ts";

/** Names that RudderStack's pixel gives a field, whatever it holds, and that are none of an event. */
const NOT_FIELDS = new Set(["writekey"]);

/**
 * RudderStack's pixel (K-36): a query whose dotted names are paths (`properties.price=3`). Everything is text, since a
 * query knows nothing else. `type` is set by the path. Names reach the dialect as they were sent.
 */
export const rudderPixel = (type: "track" | "page"): Dialect => ({
  name: "rudder-pixel",
  single: true,
  read: (body) => {
    const query = isObject(body) ? body : {};
    const draft: JsonObject = Object.create(null);
    for (const [path, value] of Object.entries(query)) {
      if (!NOT_FIELDS.has(path.toLowerCase())) put(draft, path.split("."), value);
    }
    return { drafts: [{ ...draft, type }] };
  },
});

/** A path deeper than any event may be is one name. */
function put(into: JsonObject, [name = "", ...rest]: readonly string[], value: Json): void {
  if (rest.length === 0 || rest.length > 16) {
    into[[name, ...rest].join(".")] = value;
    return;
  }
  const inner = Object.hasOwn(into, name) && isObject(into[name]) ? into[name] : Object.create(null);
  into[name] = inner;
  put(inner, rest, value);
}

/** Jitsu's pixel (K-38): `data` is the event as JSON in base64 or base64url. */
export const jitsuPixel = (type: string): Dialect => ({
  name: "jitsu-pixel",
  single: true,
  read: (body) => {
    const data = isObject(body) ? body.data : undefined;
    try {
      const draft = JSON.parse(Buffer.from(typeof data === "string" ? data : "", "base64").toString("utf8")) as Json;
      if (!isObject(draft)) throw new Error("no object");
      const key = draft.writeKey;
      return {
        drafts: [{ ...draft, type }],
        ...(typeof key === "string" && key !== "" && !key.includes("***") && { key }),
      };
    } catch (cause) {
      throw new AppError("validation_failed", '"data" must be an event as JSON in base64.', { field: "data", cause });
    }
  },
});
