import { Hono } from "hono";
import * as z from "zod";
import type { CountsOf } from "../../explore/live-events.ts";
import { compactDayOf } from "../../kit/day.ts";
import type { Manage } from "../../registry/manage.ts";
import { queryOf } from "../body.ts";
import { requireScope } from "../guards/scope.ts";
import { callerOf, idOf } from "../page.ts";
import type { DoorVars } from "../vars.ts";

const DAY_MS = 86_400_000;
const Asked = z.object({ days: z.coerce.number().int().min(1).max(40).default(7) });

/** What a source's events came to in the last days of UTC, today first, by outcome and code. Decisions 9 and 13f, B-06. */
export const countRoutes = (sources: Manage["sources"], countsOf: CountsOf, now: () => number) =>
  new Hono<DoorVars>({ strict: false }).get("/sources/:id/counts", requireScope("sources:read"), async (c) => {
    const { days } = queryOf(c, Asked);
    const { id } = await sources.get(callerOf(c), idOf(c));
    const asked = Array.from({ length: days }, (_, ago) => compactDayOf(now() - ago * DAY_MS));
    const counted = await countsOf([id], asked);
    return c.json({ source_id: id, days: counted.map(({ day, counts }) => ({ day: spelled(day), counts })) });
  });

const spelled = (day: string): string => `${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)}`;
