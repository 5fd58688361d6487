import { Hono } from "hono";
import type { Ask } from "../../explore/ask.ts";
import { eventExplorer } from "../../explore/event-explorer.ts";
import { bodyOf } from "../body.ts";
import { requireScope } from "../guards/scope.ts";
import type { DoorVars } from "../vars.ts";

/** The questions of the query door. They stand behind the workspace guard and see that workspace only. */
export const questionRoutes = (ask: Ask) =>
  new Hono<DoorVars>({ strict: false }).post("/query/events", requireScope("query:read"), async (c) => {
    const body = await bodyOf(c, eventExplorer.body);
    return c.json(await ask(eventExplorer, c.var.workspaceId, body, c.req.raw.signal));
  });
