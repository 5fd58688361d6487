import type * as z from "zod";

/** What a server-side parameter `{name: Type}` may carry. Text and numbers never become SQL: the engine binds them. */
export type SqlValue = string | number | boolean | readonly (string | number | boolean)[];

/** What fills a slot of a template: operators of our own, and the values that their text names as parameters. */
export type SqlPart = { readonly text: string; readonly values: Readonly<Record<string, SqlValue>> };

/**
 * One SQL template and what it takes. `sql` is its file under `sql/` without the ending. Its text names exactly the
 * keys of `params` and `workspace_id` as parameters, and marks each of `slots` by a comment that holds the slot's
 * name in square brackets. `cacheSeconds` is for a range that has ended. Decisions 19, 19a.
 */
export type Query<Params extends z.ZodObject = z.ZodObject, Slot extends string = string, Row = unknown> = {
  sql: string;
  params: Params;
  slots: readonly Slot[];
  row: z.ZodType<Row>;
  cacheSeconds: number;
};

/** Declares a query and keeps its types. */
export const query = <Params extends z.ZodObject, const Slot extends string, Row>(
  definition: Query<Params, Slot, Row>,
): Query<Params, Slot, Row> => definition;

/** What one run of a query is given. */
export type QueryInput<Params extends z.ZodObject = z.ZodObject, Slot extends string = string> = {
  params: z.output<Params>;
  slots: Readonly<Record<Slot, SqlPart>>;
};

/**
 * Runs a query for one workspace, which comes from the caller's token and never from a body. Ends early when `signal`
 * fires. Throws AppError `query_limit` when the engine stopped it at a limit, `unavailable` when nobody answers.
 */
export type RunQuery = <Params extends z.ZodObject, Slot extends string, Row>(
  query: Query<Params, Slot, Row>,
  workspaceId: string,
  input: QueryInput<Params, Slot>,
  signal?: AbortSignal,
) => Promise<Row[]>;

/**
 * A question that a door answers: its request's schema, how a request becomes the input of a query, and how rows
 * become the answer. `name` is the `query_type` of logs and cache keys.
 */
export type Question<
  Body extends z.ZodType = z.ZodType,
  Answer extends object = object,
  Params extends z.ZodObject = z.ZodObject,
  Slot extends string = string,
  Row = unknown,
> = {
  name: string;
  body: Body;
  query: Query<Params, Slot, Row>;
  input: (body: z.output<Body>, now: number) => QueryInput<Params, Slot>;
  answer: (rows: Row[], body: z.output<Body>) => Answer;
};

/** Declares a question and keeps its types. */
export const question = <
  Body extends z.ZodType,
  Answer extends object,
  Params extends z.ZodObject,
  Slot extends string,
  Row,
>(
  definition: Question<Body, Answer, Params, Slot, Row>,
): Question<Body, Answer, Params, Slot, Row> => definition;
