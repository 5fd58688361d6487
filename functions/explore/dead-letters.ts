import * as z from "zod";
import { query, type RunQuery, type SqlPart } from "../kit/query.ts";
import { beyond, LETTER_FILTER, type LetterFilter, type LetterPlace, letterConditions } from "./dead-letter-filter.ts";
import { cursorOf, positionOf } from "./keyset.ts";

const text = z.string();
const Head = z.object({
  id: text,
  source_id: text,
  message_id: text,
  type: text,
  event: text,
  stage: text,
  code: text,
  field: text,
  message: text,
  payload_kind: z.enum(["event", "record"]),
  attempt: z.int(),
  trace: text,
  replay_id: text,
  received_at: text,
  rejected_at: text,
});
const Whole = Head.extend({ payload: text });
const Replay = z.object({ letter_id: text, replay_id: text, edited: z.boolean(), sent: z.boolean(), at: text });

const Limit = z.coerce.number().int().min(1).max(1_000).default(100);

/** The query string of `GET /dlq`. */
export const LettersAsked = z.strictObject({
  ...LETTER_FILTER,
  limit: Limit,
  cursor: text
    .transform(positionOf)
    .refine((position) => position !== undefined, { error: "this is not a cursor of an earlier answer" })
    .optional(),
});
/** The query string of `GET /dlq/groups`. */
export const GroupsAsked = z.strictObject({ ...LETTER_FILTER, limit: Limit });

const asked = <const Slot extends string, Row>(
  sql: string,
  params: Record<string, z.ZodType>,
  slots: readonly Slot[],
  row: z.ZodType<Row>,
) => query({ sql: `explore/${sql}`, params: z.object(params), slots, row, cacheSeconds: 0 });

/** Every query of this file, for a test of their templates. */
export const letterQueries = {
  list: asked("dead_letters", { limit: z.int() }, ["filters", "after"], Head),
  whole: asked(
    "dead_letters_whole",
    { limit: z.int(), bytes: z.int() },
    ["filters", "after"],
    Whole.omit({ event: true, stage: true, code: true, field: true, message: true, trace: true, replay_id: true }),
  ),
  one: asked("dead_letter", { id: text }, [], Whole),
  groups: asked(
    "dead_letter_groups",
    { limit: z.int() },
    ["filters"],
    z.object({
      code: text,
      field: text,
      letters: z.int(),
      first_at: text,
      last_at: text,
      last_id: text,
      last_message: text,
      stages: z.array(text),
    }),
  ),
  count: asked("dead_letter_count", {}, ["filters"], z.object({ letters: z.int() })),
  replays: asked("dead_letter_replays", { ids: z.array(text) }, [], Replay),
  progress: asked(
    "replay_progress",
    { replay_id: text },
    [],
    z.object({ requested: z.int(), sent: z.int(), failed_again: z.int(), at: text }),
  ),
};

export type DeadLetters = ReturnType<typeof createDeadLetters>;

/** What the query door asks of the dead letters of one workspace. Every answer is of that workspace only. I-17, B-07. */
export function createDeadLetters(runQuery: RunQuery) {
  const replaysOf = async (workspaceId: string, ids: readonly string[]) =>
    ids.length === 0 ? [] : runQuery(letterQueries.replays, workspaceId, { params: { ids: [...ids] }, slots: {} });
  /** Letters without their payload, the latest refusal first, behind `after`. */
  const heads = (workspaceId: string, filter: LetterFilter, limit: number, after?: LetterPlace) =>
    runQuery(letterQueries.list, workspaceId, {
      params: { limit },
      slots: { filters: letterConditions(filter), after: beyond(after, "earlier") },
    });
  return {
    heads,

    /** A page, the latest refusal first, each letter with how often it was replayed. */
    list: async (workspaceId: string, { limit, cursor, ...filter }: z.output<typeof LettersAsked>) => {
      const place = cursor && { rejectedAt: cursor.timestamp, id: cursor.messageId };
      // One more than asked for tells whether there is a next page.
      const rows = await heads(workspaceId, filter, limit + 1, place);
      const page = rows.slice(0, limit);
      const replays = Map.groupBy(
        await replaysOf(
          workspaceId,
          page.map(({ id }) => id),
        ),
        ({ letter_id }) => letter_id,
      );
      const letters = page.map((letter) => {
        const own = replays.get(letter.id) ?? [];
        return { ...letter, replays: own.length, replayed_at: own.at(-1)?.at ?? null };
      });
      const last = rows.length > limit ? page.at(-1) : undefined;
      const next = last && cursorOf({ timestamp: Date.parse(last.rejected_at), messageId: last.id });
      return { letters, next_cursor: next ?? null };
    },

    groups: async (workspaceId: string, { limit, ...filter }: z.output<typeof GroupsAsked>) => ({
      groups: await runQuery(letterQueries.groups, workspaceId, {
        params: { limit },
        slots: { filters: letterConditions(filter) },
      }),
    }),

    /** The whole letter with its replays; undefined when the workspace has none of this id. */
    one: async (workspaceId: string, id: string) => {
      const [letter] = await runQuery(letterQueries.one, workspaceId, { params: { id }, slots: {} });
      if (!letter) return undefined;
      const replays = await replaysOf(workspaceId, [id]);
      return { ...letter, replays: replays.map(({ letter_id: _, ...replay }) => replay) };
    },

    replaysOf,

    count: async (workspaceId: string, chosen: ChosenLetters): Promise<number> => {
      const slots = { filters: conditionsOf(chosen) };
      const [row] = await runQuery(letterQueries.count, workspaceId, { params: {}, slots });
      return row?.letters ?? 0;
    },

    /** The next whole letters of a replay, the oldest first, behind `after`; none at the end. At most `bytes` of payload, but one. */
    wholeAfter: async (
      workspaceId: string,
      chosen: ChosenLetters,
      after: LetterPlace | undefined,
      { limit, bytes }: { limit: number; bytes: number },
    ) => {
      const rows = await runQuery(letterQueries.whole, workspaceId, {
        params: { limit, bytes },
        slots: { filters: conditionsOf(chosen), after: beyond(after, "later") },
      });
      return rows.map(wholeOf);
    },

    /** What became of a replay; undefined when the workspace has none of this id. */
    progress: async (workspaceId: string, replayId: string) => {
      const [found] = await runQuery(letterQueries.progress, workspaceId, {
        params: { replay_id: replayId },
        slots: {},
      });
      return found && { replay_id: replayId, ...found };
    },
  };
}

type WholeRow = z.output<typeof letterQueries.whole.row>;

/** A whole letter as a replay takes it. */
export const wholeOf = (row: WholeRow) => ({
  id: row.id,
  sourceId: row.source_id,
  messageId: row.message_id,
  type: row.type,
  payloadKind: row.payload_kind,
  payload: row.payload,
  attempt: row.attempt,
  receivedAt: Date.parse(row.received_at),
  rejectedAt: Date.parse(row.rejected_at),
});

/** Letters by what they are, or by their ids. */
export type ChosenLetters = { filter: LetterFilter; ids?: readonly string[] | undefined };

const conditionsOf = ({ filter, ids }: ChosenLetters): SqlPart => letterConditions(filter, ids);
