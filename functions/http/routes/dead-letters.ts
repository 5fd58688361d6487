import { Hono } from "hono";
import * as z from "zod";
import { REPLAY_LETTERS_MAX, type ReplayLetters } from "../../deliver/replay.ts";
import { LetterFilter } from "../../explore/dead-letter-filter.ts";
import { type DeadLetters, GroupsAsked, LettersAsked, wholeOf } from "../../explore/dead-letters.ts";
import { AppError } from "../../kit/errors.ts";
import { bodyOf, queryOf } from "../body.ts";
import { requireScope } from "../guards/scope.ts";
import type { DoorVars } from "../vars.ts";

/** The body of `POST /dlq/:id/replay`: the event as it should have been, where it is not sent again as it was. */
const ReplayOne = z.strictObject({ payload: z.record(z.string(), z.json()).optional() });

/** The body of `POST /dlq/replay`. An empty filter is all letters; nothing at all is a mistake. */
const ReplayMany = z
  .strictObject({
    ids: z.array(z.string().min(1).max(128)).min(1).max(1_000).optional(),
    filter: LetterFilter.optional(),
    dry_run: z.boolean().default(false),
  })
  .refine(({ ids, filter }) => ids !== undefined || filter !== undefined, { error: "it needs ids or a filter" });

/** What was refused: seen, grouped, sent again. Originals never change. I-17, B-07. */
export const deadLetterRoutes = (letters: DeadLetters, replay: ReplayLetters) =>
  new Hono<DoorVars>({ strict: false })
    .get("/dlq", requireScope("dlq:read"), async (c) =>
      c.json(await letters.list(c.var.workspaceId, queryOf(c, LettersAsked))),
    )
    .get("/dlq/groups", requireScope("dlq:read"), async (c) =>
      c.json(await letters.groups(c.var.workspaceId, queryOf(c, GroupsAsked))),
    )
    .get("/dlq/replays/:id", requireScope("dlq:read"), async (c) => {
      const progress = await letters.progress(c.var.workspaceId, c.req.param("id"));
      if (!progress) throw new AppError("not_found", "There is no replay of this id.");
      return c.json(progress);
    })
    .get("/dlq/:id", requireScope("dlq:read"), async (c) =>
      c.json(await known(letters, c.var.workspaceId, c.req.param("id"))),
    )
    .post("/dlq/replay", requireScope("dlq:write"), async (c) => {
      const { ids, filter = {}, dry_run } = await bodyOf(c, ReplayMany);
      const { workspaceId } = c.var;
      if (!dry_run) return c.json(await replay.chosen(workspaceId, { ids, filter }), 202);
      const found = await letters.count(workspaceId, { ids, filter });
      return c.json({ dry_run, count: Math.min(found, REPLAY_LETTERS_MAX), truncated: found > REPLAY_LETTERS_MAX });
    })
    .post("/dlq/:id/replay", requireScope("dlq:write"), async (c) => {
      const { payload } = await bodyOf(c, ReplayOne, {});
      const { workspaceId } = c.var;
      const letter = await known(letters, workspaceId, c.req.param("id"));
      return c.json(await replay.one(workspaceId, wholeOf(letter), payload), 202);
    });

async function known(letters: DeadLetters, workspaceId: string, id: string) {
  const letter = await letters.one(workspaceId, id);
  if (!letter) throw new AppError("not_found", "There is no dead letter of this id.");
  return letter;
}
