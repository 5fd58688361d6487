import type { Json, JsonObject } from "../../event/event.ts";

/** A page's URL taken apart, as Segment's browser library sends it; what is no URL is kept as it is. */
export function pageOf(url: Json | undefined, referrer: Json | undefined, title?: Json): JsonObject {
  const page: JsonObject = {};
  if (typeof url === "string") {
    page.url = url;
    const parsed = URL.parse(url);
    if (parsed) Object.assign(page, { path: parsed.pathname, search: parsed.search });
  }
  if (typeof referrer === "string" && referrer !== "") page.referrer = referrer;
  if (typeof title === "string") page.title = title;
  return page;
}
