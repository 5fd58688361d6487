import { Hono } from "hono";
import { answerError, answerNotFound } from "./answer-error.ts";
import { cors } from "./guards/cors.ts";
import { requestLog } from "./guards/request-log.ts";
import type { Authorize } from "./guards/workspace.ts";
import { eventRoutes } from "./routes/events.ts";
import { healthRoutes, type Probes } from "./routes/health.ts";
import { metricsRoutes } from "./routes/metrics.ts";
import { pixelRoutes } from "./routes/pixel.ts";
import { sdkSettingsRoutes } from "./routes/sdk-settings.ts";
import { createTake, type TakePorts } from "./take.ts";
import type { DoorVars } from "./vars.ts";

export type IngestDoor = TakePorts & {
  authorize: Authorize;
  localMode: boolean;
  publicUrl: string | undefined;
  probes: Probes;
};

/** The ingest door. Every path also answers with a trailing slash. */
export function ingestApp(door: IngestDoor): Hono<DoorVars> {
  const app = new Hono<DoorVars>({ strict: false });
  const take = createTake(door);
  app.onError(answerError);
  app.notFound(answerNotFound);
  app.use(requestLog("ingest"));
  app.use(cors);
  app.route("/", healthRoutes(door.probes));
  app.route("/", metricsRoutes(door.authorize, door.localMode));
  app.route("/", sdkSettingsRoutes(door.publicUrl));
  app.route("/", eventRoutes(take));
  app.route("/", pixelRoutes(take));
  return app;
}
