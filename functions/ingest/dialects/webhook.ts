import type { Json, JsonObject } from "../../event/event.ts";
import { AppError } from "../../kit/errors.ts";
import type { WebhookMapping } from "../../registry/source.ts";
import { isObject } from "../is-object.ts";
import type { Dialect } from "./dialect.ts";

/**
 * Any tool's webhook (B-25): its body is the properties of a track event. The source's mapping says by dotted paths where
 * name, person, id and time are, or gives a constant in quotes; what it leaves open is guessed from the usual names. A
 * sender's own delivery id is the message id, so that its retries are duplicates. Without a person the source's webhooks
 * are one anonymous sender.
 */
export const webhook: Dialect = {
  name: "webhook",
  single: true,
  mapped: true,
  read: (body, hints, mapping) => {
    const whole: JsonObject = isObject(body) ? body : { value: body };
    const find = (name: keyof WebhookMapping, guesses: readonly string[]): Json | undefined => {
      const path = mapping?.[name];
      if (path !== undefined) return pathValue(whole, path);
      return guesses.map((guess) => pathValue(whole, guess)).find(isText);
    };
    const properties = find("properties", []) ?? withoutKey(whole);
    if (!isObject(properties))
      throw new AppError("validation_failed", "The mapping of this webhook finds no object for its properties.", {
        field: "properties",
      });
    const delivery = DELIVERY_HEADERS.map((name) => hints[name]).find((id) => id !== undefined && id !== "");
    const userId = find("userId", ["userId", "user_id", "user.id", "data.userId", "data.user_id"]);
    const anonymousId = find("anonymousId", ["anonymousId", "anonymous_id"]);
    const event = find("event", ["event", "type", "event_type", "eventType", "action"]);
    return {
      drafts: [
        {
          type: "track",
          event: isText(event) ? event : "Webhook Received",
          messageId: find("messageId", ["messageId", "message_id"]) ?? delivery ?? null,
          timestamp: find("timestamp", ["timestamp", "created_at", "occurred_at"]) ?? null,
          ...(userId !== undefined && { userId }),
          anonymousId: anonymousId ?? (userId === undefined ? "webhook" : null),
          properties,
          context: { library: { name: "webhook" } },
        },
      ],
    };
  },
};

/** What senders call the id of a delivery, the same in each of its retries: Standard Webhooks, GitHub, Shopify, others. */
const DELIVERY_HEADERS = ["webhook-id", "svix-id", "x-github-delivery", "x-shopify-webhook-id", "idempotency-key"];

/** A sender that can set no header has the write key in its query, which is the body of a GET. S-12. */
const withoutKey = (whole: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(whole).filter(([name]) => name.toLowerCase() !== "writekey"));

const isText = (value: Json | undefined): value is string => typeof value === "string" && value !== "";

/** `a.b.0.c` in a body, own names only; `"text"` is itself. */
function pathValue(body: JsonObject, path: string): Json | undefined {
  if (/^".*"$/.test(path)) return path.slice(1, -1);
  let value: Json | undefined = body;
  for (const name of path.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as JsonObject)[name];
  }
  return value ?? undefined;
}
