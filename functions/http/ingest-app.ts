import { Hono } from "hono";
import type { SizeLimits } from "../ingest/inflate.ts";
import type { Ingest } from "../ingest/ingest.ts";
import { answerError, answerNotFound } from "./answer-error.ts";
import { requestLog } from "./guards/request-log.ts";
import { eventRoutes } from "./routes/events.ts";
import { healthRoutes, type Probes } from "./routes/health.ts";
import type { DoorVars } from "./vars.ts";

export type IngestDoor = { ingest: Ingest; limits: SizeLimits; now: () => number; probes: Probes };

/** The ingest door. Every path also answers with a trailing slash. */
export function ingestApp({ ingest, limits, now, probes }: IngestDoor): Hono<DoorVars> {
  const app = new Hono<DoorVars>({ strict: false });
  app.onError(answerError);
  app.notFound(answerNotFound);
  app.use(requestLog);
  app.route("/", healthRoutes(probes));
  app.route("/", eventRoutes(ingest, limits, now));
  return app;
}
