import { Hono } from "hono";
import type { Ask } from "../explore/ask.ts";
import { answerError, answerNotFound } from "./answer-error.ts";
import { requestLog } from "./guards/request-log.ts";
import { type Authorize, workspaceGuard } from "./guards/workspace.ts";
import { healthRoutes, type Probes } from "./routes/health.ts";
import { questionRoutes } from "./routes/questions.ts";
import type { DoorVars } from "./vars.ts";

export type QueryDoor = { ask: Ask; authorize: Authorize; probes: Probes };

/** The query and manage door. All but `/health` and `/ready` works for one workspace. D-02. */
export function queryApp({ ask, authorize, probes }: QueryDoor): Hono<DoorVars> {
  const app = new Hono<DoorVars>({ strict: false });
  app.onError(answerError);
  app.notFound(answerNotFound);
  app.use(requestLog);
  app.route("/", healthRoutes(probes));
  app.use(workspaceGuard(authorize));
  app.route("/", questionRoutes(ask));
  return app;
}
