import { Hono } from "hono";
import type { ReplayLetters } from "../deliver/replay.ts";
import type { Ask } from "../explore/ask.ts";
import type { DeadLetters } from "../explore/dead-letters.ts";
import type { TraceOf } from "../explore/trace.ts";
import { answerError, answerNotFound } from "./answer-error.ts";
import { requestLog } from "./guards/request-log.ts";
import { type Authorize, workspaceGuard } from "./guards/workspace.ts";
import { type ArchivePorts, archiveRoutes } from "./routes/archive.ts";
import { deadLetterRoutes } from "./routes/dead-letters.ts";
import { healthRoutes, type Probes } from "./routes/health.ts";
import { type LivePorts, liveRoutes } from "./routes/live.ts";
import { type ManagePorts, manageRoutes } from "./routes/manage.ts";
import { questionRoutes } from "./routes/questions.ts";
import { traceRoutes } from "./routes/trace.ts";
import type { DoorVars } from "./vars.ts";

export type QueryDoor = {
  ask: Ask;
  authorize: Authorize;
  probes: Probes;
  letters: DeadLetters;
  replayLetters: ReplayLetters;
  archive: ArchivePorts;
  traceOf: TraceOf;
  live: LivePorts;
  manage: ManagePorts;
};

/** The query and manage door. All but `/health` and `/ready` works for one workspace. D-02. */
export function queryApp({
  ask,
  authorize,
  probes,
  letters,
  replayLetters,
  archive,
  traceOf,
  live,
  manage,
}: QueryDoor): Hono<DoorVars> {
  const app = new Hono<DoorVars>({ strict: false });
  app.onError(answerError);
  app.notFound(answerNotFound);
  app.use(requestLog("query"));
  app.route("/", healthRoutes(probes));
  app.use(workspaceGuard(authorize));
  app.route("/", questionRoutes(ask));
  app.route("/", deadLetterRoutes(letters, replayLetters));
  app.route("/", archiveRoutes(archive));
  app.route("/", traceRoutes(traceOf));
  app.route("/", liveRoutes(live));
  app.route("/", manageRoutes(manage));
  return app;
}
