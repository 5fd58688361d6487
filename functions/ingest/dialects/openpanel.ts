import type { Draft, Json, JsonObject } from "../../event/event.ts";
import { AppError } from "../../kit/errors.ts";
import { isObject } from "../is-object.ts";
import type { Dialect } from "./dialect.ts";
import { pageOf } from "./page.ts";

/**
 * The call of OpenPanel's clients: `{type, payload}` under the header `openpanel-client-id`, which holds the write key
 * (K-21). `screen_view` is a page; counters of a profile (`increment`, `decrement`) are track events that say so; a
 * property that begins with `__` is OpenPanel's own. Its clients send no message id, so a call that they repeat after a
 * lost answer is another event; a queued one carries its time.
 */
export const openpanel: Dialect = {
  name: "openpanel",
  single: true,
  read: (body, hints) => {
    const payload = isObject(body) ? body.payload : undefined;
    if (!isObject(body) || !isObject(payload))
      throw new AppError("validation_failed", '"payload" must be an object.', { field: "payload" });
    const context = {
      library: {
        name: `openpanel-${hints["openpanel-sdk-name"] ?? "sdk"}`,
        version: hints["openpanel-sdk-version"] ?? "",
      },
    };
    const draft = draftOf(body.type, payload, context);
    return { drafts: [draft], visitors: true };
  },
};

function draftOf(type: Json | undefined, payload: JsonObject, library: JsonObject): Draft {
  const given = isObject(payload.properties) ? payload.properties : {};
  const { own, hidden } = split(given);
  const base: Draft = {
    ...(payload.profileId !== undefined && { userId: payload.profileId }),
    ...(hidden.__timestamp !== undefined && { timestamp: hidden.__timestamp }),
    context: { ...library, page: pageOf(hidden.__path ?? hidden.__url, hidden.__referrer, hidden.__title) },
  };
  switch (type) {
    case "track":
      return payload.name === "screen_view"
        ? { ...base, type: "page", properties: own }
        : { ...base, type: "track", event: payload.name ?? null, properties: { ...own, ...revenueOf(hidden) } };
    case "identify": {
      const { profileId: _, properties: __, ...traits } = payload;
      return { ...base, type: "identify", traits: { ...own, ...traits } };
    }
    case "group": {
      const { id, properties: _, ...traits } = payload;
      return { ...base, type: "group", groupId: id ?? null, traits: { ...own, ...traits } };
    }
    case "assign_group": {
      const [first] = Array.isArray(payload.groupIds) ? payload.groupIds : [];
      return { ...base, type: "group", groupId: first ?? null, traits: {} };
    }
    case "alias":
      return { ...base, type: "alias", previousId: payload.alias ?? null };
    case "increment":
    case "decrement":
      return {
        ...base,
        type: "track",
        event: `profile_${type}`,
        properties: { property: payload.property ?? null, value: payload.value ?? 1 },
      };
    default:
      throw new AppError("validation_failed", `"type" must be one of ${KNOWN.join(", ")}.`, { field: "type" });
  }
}

const KNOWN = ["track", "identify", "group", "assign_group", "alias", "increment", "decrement"];

function split(given: JsonObject): { own: JsonObject; hidden: JsonObject } {
  // Without a prototype: a name that would set one is a name like any other, which the door drops. E3.
  const own: JsonObject = Object.create(null);
  const hidden: JsonObject = Object.create(null);
  for (const [name, value] of Object.entries(given)) (name.startsWith("__") ? hidden : own)[name] = value;
  return { own, hidden };
}

const revenueOf = ({ __revenue: revenue }: JsonObject): JsonObject => (revenue === undefined ? {} : { revenue });
