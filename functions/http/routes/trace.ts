import { Hono } from "hono";
import type { TraceOf } from "../../explore/trace.ts";
import { AppError } from "../../kit/errors.ts";
import { requireScope } from "../guards/scope.ts";
import type { DoorVars } from "../vars.ts";

/** No event has a longer id (decision 13c). */
const ID_CHARS_MAX = 512;

/** What happened to a message id. One that never came, or came to another workspace, is `found: false`. B-04. */
export const traceRoutes = (traceOf: TraceOf) =>
  new Hono<DoorVars>({ strict: false }).get("/events/:message_id/trace", requireScope("live:read"), async (c) => {
    const messageId = c.req.param("message_id");
    if (messageId.length > ID_CHARS_MAX)
      throw new AppError("validation_failed", `A message id has at most ${ID_CHARS_MAX} characters.`, {
        field: "message_id",
      });
    return c.json(await traceOf(c.var.workspaceId, messageId));
  });
