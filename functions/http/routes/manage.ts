import { Hono } from "hono";
import type { CountsOf } from "../../explore/live-events.ts";
import type { Manage } from "../../registry/manage.ts";
import type { DoorVars } from "../vars.ts";
import { countRoutes } from "./counts.ts";
import { schemaRoutes } from "./schemas.ts";
import { sourceRoutes } from "./sources.ts";
import { suppressionRoutes } from "./suppressions.ts";
import { tokenRoutes } from "./tokens.ts";
import { trackingPlanRoutes } from "./tracking-plan.ts";
import { workspaceRoutes } from "./workspace.ts";
import { writeKeyRoutes } from "./write-keys.ts";

export type ManagePorts = { manage: Manage; countsOf: CountsOf; now: () => number };

/** What a workspace consists of. It stands behind the workspace guard; each route names its scope. */
export const manageRoutes = ({ manage, countsOf, now }: ManagePorts) =>
  new Hono<DoorVars>({ strict: false })
    .route("/", workspaceRoutes(manage))
    .route("/", sourceRoutes(manage.sources))
    .route("/", writeKeyRoutes(manage.keys))
    .route("/", countRoutes(manage.sources, countsOf, now))
    .route("/", trackingPlanRoutes(manage.plan))
    .route("/", schemaRoutes(manage.schemas))
    .route("/", suppressionRoutes(manage.suppressions))
    .route("/", tokenRoutes(manage.tokens, now));
