import { gunzipSync } from "node:zlib";
import type { JsonObject } from "../../event/event.ts";
import { isCall } from "./fault-proxy.ts";
import type { RecordedRequest } from "./recorded.ts";

/** What a recorded request sends: `id` is "" where its client gives none, `from` is the key or domain that it is sent with. */
export type Sent = { id: string; type: string; event: string; from: string };

/** The events of a recorded request, and which source's they are. */
export function sentEvents({ method, path, headers, body }: RecordedRequest): Sent[] {
  if (!isCall(method, path)) return [];
  const text = (headers["content-encoding"] === "gzip" ? gunzipSync(body) : body).toString("utf8");
  const { batch, ...rest } = JSON.parse(text) as JsonObject;
  const events = (batch ?? [rest]) as JsonObject[];
  const from = sourceOf(path, headers, rest);
  return events.map((event) => ({ ...readEvent(path, event), from }));
}

function sourceOf(path: string, headers: Readonly<Record<string, string>>, body: JsonObject): string {
  const user = /^Basic (.+)$/.exec(headers.authorization ?? "")?.[1];
  const basic = user && Buffer.from(user, "base64").toString("utf8").split(":")[0];
  const given = [
    basic,
    headers["x-write-key"],
    headers["openpanel-client-id"],
    new URL(path, "http://any").searchParams.get("writeKey"),
    body.writeKey,
    body.api_key,
    body.d,
    path.startsWith("/api/s/") ? new URL(headers.origin ?? "http://none").hostname : undefined,
  ];
  return String(given.find((key) => typeof key === "string" && key !== ""));
}

/** What other products call what Segment calls otherwise. */
const POSTHOG_TYPES: Record<string, string> = { $identify: "identify", $create_alias: "alias", $pageview: "page" };

function readEvent(path: string, event: JsonObject): Omit<Sent, "from"> {
  if (path === "/api/event")
    return event.n === "pageview"
      ? { id: "", type: "page", event: "" }
      : { id: "", type: "track", event: String(event.n) };
  if (event.payload) return { id: "", type: "track", event: String((event.payload as JsonObject).name) };
  if ("uuid" in event) {
    const type = POSTHOG_TYPES[String(event.event)];
    return { id: String(event.uuid), type: type ?? "track", event: type ? "" : String(event.event) };
  }
  const type = String(event.type);
  return { id: String(event.messageId), type, event: type === "track" ? String(event.event) : "" };
}
