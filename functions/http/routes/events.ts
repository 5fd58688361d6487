import { Hono } from "hono";
import type { CallKind } from "../../ingest/call.ts";
import type { SizeLimits } from "../../ingest/inflate.ts";
import type { Ingest } from "../../ingest/ingest.ts";
import { batchAnswer, singleAnswer } from "../answers.ts";
import { callOf } from "../call.ts";
import type { DoorVars } from "../vars.ts";

/** Every path to which an SDK posts events, and what its body is. K-30. */
export const EVENT_PATHS: readonly [path: string, kind: CallKind][] = [
  ["/track", "track"],
  ["/identify", "identify"],
  ["/page", "page"],
  ["/screen", "screen"],
  ["/group", "group"],
  ["/alias", "alias"],
  ["/batch", "batch"],
  ["/v1/track", "track"],
  ["/v1/identify", "identify"],
  ["/v1/page", "page"],
  ["/v1/screen", "screen"],
  ["/v1/group", "group"],
  ["/v1/alias", "alias"],
  ["/v1/batch", "batch"],
  ["/v1/t", "track"],
  ["/v1/i", "identify"],
  ["/v1/p", "page"],
  ["/v1/s", "screen"],
  ["/v1/g", "group"],
  ["/v1/a", "alias"],
  ["/v1/b", "batch"],
  ["/b", "batch"],
];

/** A taken call is answered with exactly 200 and a JSON object: some clients know no other success. S-1. */
export function eventRoutes(ingest: Ingest, limits: SizeLimits, now: () => number): Hono<DoorVars> {
  const routes = new Hono<DoorVars>();
  for (const [path, kind] of EVENT_PATHS) {
    const answer = kind === "batch" ? batchAnswer : singleAnswer;
    routes.post(path, async (c) => {
      const { source, outcomes } = await ingest(await callOf(c, kind, limits, now()));
      const [first] = outcomes;
      Object.assign(c.var.logged, { workspace_id: source.workspaceId, source_id: source.id, event_type: kind });
      Object.assign(c.var.logged, kind === "batch" ? { events: outcomes.length } : { message_id: first?.messageId });
      return c.json(answer(outcomes));
    });
  }
  return routes;
}
