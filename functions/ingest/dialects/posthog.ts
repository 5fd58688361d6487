import type { Draft, Json, JsonObject } from "../../event/event.ts";
import { AppError } from "../../kit/errors.ts";
import { isObject } from "../is-object.ts";
import type { Dialect } from "./dialect.ts";

/**
 * The batches of PostHog's server libraries (K-20). `$identify`, `$set`, `$create_alias`, `$groupidentify`, `$pageview` and
 * `$screen` become the calls that they are, everything else is a track event, `$set_once` too, since an identify call would
 * overwrite; `uuid` is the message id. What begins with
 * `$` in the properties is PostHog's own and becomes context where Segment has a place for it.
 */
export const posthog: Dialect = {
  name: "posthog",
  single: false,
  read: (body) => {
    if (!isObject(body) || !Array.isArray(body.batch))
      throw new AppError("validation_failed", '"batch" must be a list of events.', { field: "batch" });
    const sentAt = body.sent_at ?? body.sentAt;
    return {
      drafts: body.batch.map((item) => draftOf(isObject(item) ? item : {}, sentAt)),
      key: [body.api_key, body.token].find((key): key is string => typeof key === "string" && key !== ""),
    };
  },
};

/** A batch whose events name a `distinct_id` comes from PostHog's clients; Segment's have no such thing. K-39. */
export function isPosthogBatch(body: JsonObject): boolean {
  const [first] = Array.isArray(body.batch) ? body.batch : [];
  if (!isObject(first) || typeof (body.api_key ?? body.token) !== "string") return false;
  return "distinct_id" in first || (isObject(first.properties) && "distinct_id" in first.properties);
}

function draftOf(item: JsonObject, sentAt: Json | undefined): Draft {
  const given = isObject(item.properties) ? item.properties : {};
  const { own, dollar } = split(given);
  const id = item.distinct_id ?? given.distinct_id ?? null;
  const set = isObject(item.$set) ? item.$set : isObject(dollar.$set) ? dollar.$set : {};
  const setOnce = isObject(item.$set_once) ? item.$set_once : isObject(dollar.$set_once) ? dollar.$set_once : {};
  const base: Draft = {
    messageId: item.uuid ?? null,
    timestamp: item.timestamp ?? null,
    ...(sentAt !== undefined && { sentAt }),
    ...(isAnonymous(dollar, id) ? { anonymousId: id } : { userId: id }),
    context: contextOf(dollar),
  };
  switch (item.event) {
    case "$identify":
      return { ...base, type: "identify", userId: id, anonymousId: dollar.$anon_distinct_id ?? null, traits: set };
    case "$set":
      return { ...base, type: "identify", traits: set };
    case "$set_once":
      return { ...base, type: "track", event: "$set_once", properties: setOnce };
    case "$create_alias":
      return { ...base, type: "alias", userId: id, previousId: own.alias ?? null };
    case "$groupidentify":
      return {
        ...base,
        type: "group",
        groupId: dollar.$group_key ?? null,
        traits: isObject(dollar.$group_set) ? dollar.$group_set : {},
      };
    case "$pageview":
      return { ...base, type: "page", name: dollar.$title ?? null, properties: own };
    case "$screen":
      return { ...base, type: "screen", name: dollar.$screen_name ?? null, properties: own };
    default:
      return { ...base, type: "track", event: item.event ?? null, properties: own };
  }
}

/** Before it identifies anybody, PostHog's browser library uses its device's id; a group that nobody named is `$type_key`. */
const isAnonymous = ({ $device_id, $is_identified, $group_type, $group_key }: JsonObject, id: Json) =>
  $is_identified === false ||
  ($device_id !== undefined && $device_id === id) ||
  ($group_type !== undefined && id === `$${$group_type}_${$group_key}`);

function split(given: JsonObject): { own: JsonObject; dollar: JsonObject } {
  // Without a prototype: a name that would set one is a name like any other, which the door drops. E3.
  const own: JsonObject = Object.create(null);
  const dollar: JsonObject = Object.create(null);
  for (const [name, value] of Object.entries(given)) {
    if (name.startsWith("$")) dollar[name] = value;
    else if (name !== "distinct_id" && name !== "token") own[name] = value;
  }
  return { own, dollar };
}

function contextOf(from: JsonObject): JsonObject {
  return {
    library: { name: from.$lib ?? null, version: from.$lib_version ?? null },
    ...(from.$ip !== undefined && { ip: from.$ip }),
    ...(from.$raw_user_agent !== undefined && { userAgent: from.$raw_user_agent }),
    ...(from.$current_url !== undefined && {
      page: {
        url: from.$current_url,
        path: from.$pathname ?? null,
        referrer: from.$referrer ?? null,
        title: from.$title ?? null,
      },
    }),
    ...(from.$os !== undefined && { os: { name: from.$os, version: from.$os_version ?? null } }),
    ...(from.$session_id !== undefined && { sessionId: from.$session_id }),
  };
}
