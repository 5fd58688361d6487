import { Hono } from "hono";
import * as z from "zod";
import type { ArchiveHours } from "../../deliver/archive-hours.ts";
import type { ReplayArchive, ReplayPlace } from "../../deliver/archive-replay.ts";
import { Instant } from "../../explore/instant.ts";
import { cursorOf } from "../../kit/cursor.ts";
import { bodyOf, queryOf } from "../body.ts";
import { requireScope } from "../guards/scope.ts";
import { Cursor } from "../page.ts";
import type { DoorVars } from "../vars.ts";

export type ArchivePorts = { hours: ArchiveHours; replay: ReplayArchive; now: () => number };

const WEEK_MS = 7 * 24 * 3_600_000;
const NO_CURSOR = "it is not the next_cursor of such a call";

const Time = z.coerce.number().int().min(0).max(8.64e15);
const Place = z.tuple([z.guid(), Time, z.string().max(128), z.string().max(128), z.string().regex(/^\d{1,129}$/)]);

/** The query of `GET /archive`: times of receipt; without `from` the last 7 days, without `to` until now. */
const HoursAsked = z.strictObject({
  from: Instant.optional(),
  to: Instant.optional(),
  limit: z.coerce.number().int().min(1).max(168).default(24),
  cursor: Cursor(1, ([hour]) => Time.safeParse(hour).data, NO_CURSOR).optional(),
});

/** The body of `POST /archive/replay`: events that were received from `from` until before `to`. */
const ReplayAsked = z
  .strictObject({
    from: Instant,
    to: Instant,
    source_id: z.guid().toLowerCase().optional(),
    dry_run: z.boolean().default(false),
    cursor: Cursor(5, readPlace, NO_CURSOR).optional(),
  })
  .refine(({ from, to }) => from < to, { error: "it lies not behind from", path: ["to"] });

/** What was accepted, as it was on the stream: which hours there are, and their events sent again. B-08. */
export const archiveRoutes = ({ hours, replay, now }: ArchivePorts) =>
  new Hono<DoorVars>({ strict: false })
    .get("/archive", requireScope("dlq:read"), async (c) => {
      const { limit, cursor: before, ...asked } = queryOf(c, HoursAsked);
      const to = asked.to ?? now();
      const found = await hours(c.var.workspaceId, { from: asked.from ?? to - WEEK_MS, to, before, limit });
      return c.json({
        hours: found.hours.map(({ hour, ...counts }) => ({ hour: new Date(hour).toISOString(), ...counts })),
        next_cursor: found.next === undefined ? null : cursorOf([String(found.next)]),
      });
    })
    .post("/archive/replay", requireScope("dlq:write"), async (c) => {
      const { from, to, source_id: sourceId, dry_run: dryRun, cursor: after } = await bodyOf(c, ReplayAsked);
      const done = await replay(c.var.workspaceId, { from, to, sourceId, dryRun, after });
      const { events, records, skipped, next } = done;
      const counts = {
        events,
        records,
        skipped,
        truncated: next !== undefined,
        next_cursor: next ? textOf(next) : null,
      };
      return dryRun ? c.json({ dry_run: true, ...counts }) : c.json({ replay_id: done.replayId, ...counts }, 202);
    });

const textOf = ({ replayId, hour, stream, shard, seq }: ReplayPlace) =>
  cursorOf([replayId, String(hour), stream, shard, seq]);

function readPlace(texts: string[]): ReplayPlace | undefined {
  const place = Place.safeParse(texts);
  if (!place.success) return undefined;
  const [replayId, hour, stream, shard, seq] = place.data;
  return { replayId, hour, stream, shard, seq };
}
