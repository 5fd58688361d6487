import { type Context, Hono } from "hono";
import type { Dialect } from "../../ingest/dialects/dialect.ts";
import { jitsuPixel, rudderPixel } from "../../ingest/dialects/pixel.ts";
import { AppError } from "../../kit/errors.ts";
import { log } from "../../kit/log.ts";
import type { Take } from "../take.ts";
import type { DoorVars } from "../vars.ts";
import { typeIn } from "./events.ts";

/** One transparent dot. */
const GIF = Buffer.from("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7", "base64");

/** An image in a mail or a page without script: whatever becomes of the event, the picture is there. K-36, K-38. */
export function pixelRoutes(take: Take): Hono<DoorVars> {
  const answered = async (c: Context<DoorVars>, dialectOf: () => Dialect) => {
    try {
      await take(c, { kind: "foreign", dialect: dialectOf() });
    } catch (error) {
      // The page shows the picture; who asks why nothing came finds it here and in the live view.
      if (!(error instanceof AppError)) log.error({ request_id: c.var.requestId, err: error }, "pixel failed");
      else c.var.logged.refused = error.code;
    }
    c.header("Content-Type", "image/gif");
    c.header("Cache-Control", "no-store, max-age=0");
    return c.body(GIF);
  };
  return new Hono<DoorVars>()
    .get("/pixel/v1/track", (c) => answered(c, () => rudderPixel("track")))
    .get("/pixel/v1/page", (c) => answered(c, () => rudderPixel("page")))
    .get("/api/px/:type", (c) => answered(c, () => jitsuPixel(typeIn(c))));
}
