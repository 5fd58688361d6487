import type { Json, JsonObject } from "../../event/event.ts";
import { AppError } from "../../kit/errors.ts";
import { isObject } from "../is-object.ts";
import type { Dialect } from "./dialect.ts";
import { pageOf } from "./page.ts";

/**
 * The call of Plausible's tracker: `{n, u, d, r, w, h, p}` = name, URL, domain, referrer, width, hash mode, properties
 * (K-22). `pageview` is a page, every other name a track event. It names no person and needs no consent for one: visitors
 * are told apart by a hash that changes daily. The source is the one that lists the domain; several may be given.
 */
export const plausible: Dialect = {
  name: "plausible",
  single: true,
  read: (body) => {
    if (!isObject(body)) throw new AppError("validation_failed", "The body must be a JSON object.");
    const name = body.n ?? body.name;
    const url = body.u ?? body.url;
    const domain = body.d ?? body.domain;
    const context = {
      library: { name: "plausible-tracker" },
      page: pageOf(url, body.r ?? body.referrer),
      ...(typeof body.w === "number" && { screen: { width: body.w } }),
    };
    const properties = { ...propertiesOf(body.p ?? body.props ?? body.m), ...revenueOf(body.$ ?? body.revenue) };
    const draft =
      name === "pageview"
        ? { type: "page", properties: { ...context.page, ...properties }, context }
        : { type: "track", event: name ?? null, properties, context };
    return {
      drafts: [draft],
      domain: typeof domain === "string" ? domain.split(",")[0]?.trim() : undefined,
      visitors: true,
    };
  },
};

/** Older trackers send the properties as JSON in a text. */
function propertiesOf(given: Json | undefined): JsonObject {
  if (isObject(given)) return given;
  if (typeof given !== "string") return {};
  try {
    const read = JSON.parse(given) as Json;
    return isObject(read) ? read : {};
  } catch {
    throw new AppError("validation_failed", '"p" must be an object, or one as JSON.', { field: "p" });
  }
}

const revenueOf = (given: Json | undefined): JsonObject =>
  isObject(given) ? { revenue: given.amount ?? null, currency: given.currency ?? null } : {};
