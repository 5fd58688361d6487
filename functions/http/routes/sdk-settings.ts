import { type Context, Hono } from "hono";
import type { DoorVars } from "../vars.ts";

/**
 * What browser clients fetch before they send: answered from the path alone, also for a key that nobody has, since after
 * an error they send nothing at all. `publicUrl` is the door's own address where a proxy hides it. S-8, S-9, decision 13.
 */
export function sdkSettingsRoutes(publicUrl: string | undefined): Hono<DoorVars> {
  const settings = (c: Context<DoorVars>) => {
    const { host, protocol } = publicUrl === undefined ? seenUrl(c) : new URL(publicUrl);
    const apiKey = c.req.param("key") ?? "";
    c.header("Cache-Control", "public, max-age=300");
    c.header("Vary", "Host", { append: true });
    return c.json({
      integrations: { "Segment.io": { apiKey, apiHost: `${host}/v1`, protocol: protocol.replace(/:$/, "") } },
    });
  };
  const sourceConfig = (c: Context<DoorVars>) => {
    c.header("Cache-Control", "public, max-age=300");
    c.header("Vary", "Authorization", { append: true });
    const id = c.req.query("writeKey") ?? "";
    return c.json({
      source: { id, name: "Millrace", writeKey: id, enabled: true, config: {}, connections: [], destinations: [] },
    });
  };
  return new Hono<DoorVars>()
    .get("/v1/projects/:key/settings", settings)
    .get("/projects/:key/settings", settings)
    .get("/sourceConfig", sourceConfig);
}

/** The host that the client asked for, so that a first-party host stays first-party. */
function seenUrl(c: Context): { host: string; protocol: string } {
  const { host, protocol } = new URL(c.req.url);
  const seen = c.req.header("x-forwarded-proto")?.split(",")[0]?.trim() ?? "";
  // A cache keeps the answer for everybody, so that nobody's own idea of a protocol may stand in it.
  return { host: c.req.header("host") ?? host, protocol: /^https?$/.test(seen) ? seen : protocol };
}
