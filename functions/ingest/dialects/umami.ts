import type { JsonObject } from "../../event/event.ts";
import { AppError } from "../../kit/errors.ts";
import { isObject } from "../is-object.ts";
import type { Dialect } from "./dialect.ts";
import { pageOf } from "./page.ts";

/**
 * The call of Umami's clients: `{type, payload: {website, hostname, url, title, referrer, language, screen, name, data}}`
 * (K-23). An event with a name is a track event, one without is a page, `identify` an identify call. `website` is the
 * source's own id. Without an id of the person, visitors are told apart by a hash that changes daily.
 */
export const umami: Dialect = {
  name: "umami",
  single: true,
  read: (body) => {
    const payload = isObject(body) ? body.payload : undefined;
    if (!isObject(body) || !isObject(payload))
      throw new AppError("validation_failed", '"payload" must be an object.', { field: "payload" });
    const { website, name, id } = payload;
    const data = isObject(payload.data) ? payload.data : {};
    const base = { ...(id !== undefined && { userId: id }), context: contextOf(payload) };
    const draft =
      body.type === "identify"
        ? { ...base, type: "identify", traits: data }
        : typeof name === "string" && name !== ""
          ? { ...base, type: "track", event: name, properties: data }
          : { ...base, type: "page", properties: { ...base.context.page, ...data } };
    return { drafts: [draft], site: typeof website === "string" ? website : undefined, visitors: true };
  },
};

function contextOf({ hostname, url, title, referrer, language, screen, ip, userAgent }: JsonObject) {
  const full =
    typeof url === "string" && url.startsWith("/") && typeof hostname === "string" ? `https://${hostname}${url}` : url;
  const [width, height] = typeof screen === "string" ? screen.split("x").map(Number) : [];
  return {
    library: { name: "umami" },
    page: pageOf(full, referrer, title),
    ...(language !== undefined && { locale: language }),
    ...(ip !== undefined && { ip }),
    ...(userAgent !== undefined && { userAgent }),
    ...(Number.isFinite(width) && Number.isFinite(height) && { screen: { width: width ?? 0, height: height ?? 0 } }),
  };
}
