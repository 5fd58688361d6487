import type { Context } from "hono";
import * as z from "zod";
import { cursorOf, placeOf } from "../kit/cursor.ts";
import { AppError } from "../kit/errors.ts";
import type { Caller, Page, PageOf } from "../registry/manage.ts";
import type { DoorVars } from "./vars.ts";

const limit = z.coerce.number().int().min(1).max(1_000).default(100);
const NO_CURSOR = "it is not the next_cursor of such a list";

const asPage = ({ limit, cursor }: { limit: number; cursor?: string[] | undefined }): PageOf => ({
  limit,
  after: cursor,
});
/** A cursor of `count` texts, read by `read`, which says undefined to what it would not have made. */
export const Cursor = <Place>(count: number, read: (texts: string[]) => Place | undefined, error = NO_CURSOR) =>
  z
    .string()
    .max(4_000)
    .transform((text, ctx): Place => {
      const texts = placeOf(text, count);
      const place = texts && read(texts);
      if (place !== undefined) return place;
      ctx.addIssue({ code: "custom", message: error });
      return z.NEVER;
    });

/** What a list in the order of `count` texts is asked with. */
const cursorOfTexts = (count: number, part: z.ZodType<string>) =>
  Cursor(count, (texts) => (texts.every((one) => part.safeParse(one).success) ? texts : undefined));

/** The query of a list in the order of ids: `limit` of 1 to 1,000 (100), `cursor` as the page before gave it. */
export const IdPage = z.object({ limit, cursor: cursorOfTexts(1, z.guid()).optional() }).transform(asPage);

/** Postgres takes no text with U+0000. */
const Storable = z.string().refine((text) => !text.includes("\0"));

/** The query of a list in the order of two texts. */
export const PAIR_PAGE = { limit, cursor: cursorOfTexts(2, Storable).optional() };
export const pageAsked = asPage;

/** A page as an answer. */
export const pageAnswer = <Name extends string, Row>(name: Name, { rows, next }: Page<Row>) =>
  ({ [name]: rows, next_cursor: next ? cursorOf(next) : null }) as Record<Name, Row[]> & { next_cursor: string | null };

/** For whom, and who asks, behind the workspace guard. */
export const callerOf = (c: Context<DoorVars>): Caller => ({ workspaceId: c.var.workspaceId, by: c.var.by });

const Id = z.guid();

/** An id in a path; what is no id is nothing's, `not_found`. */
export function idOf(c: Context, name = "id"): string {
  const id = Id.safeParse(c.req.param(name));
  if (id.success) return id.data.toLowerCase();
  throw new AppError("not_found", "There is nothing of this id.");
}
