import type * as z from "zod";
import type { Question, RunQuery } from "../kit/query.ts";

export type AskPorts = {
  runQuery: RunQuery;
  now: () => number;
  log: { info: (fields: object, message: string) => void };
};

/** Asks a question for one workspace; `body` is checked already. Ends early when `signal` fires. */
export type Ask = <Body extends z.ZodType, Answer extends object, Params extends z.ZodObject, Slot extends string, Row>(
  question: Question<Body, Answer, Params, Slot, Row>,
  workspaceId: string,
  body: z.output<Body>,
  signal?: AbortSignal,
) => Promise<Answer & { cache_hit: boolean; duration_ms: number }>;

/** Answers questions and logs each with the fields of A-30. */
export const createAsk = ({ runQuery, now, log }: AskPorts): Ask => {
  return async (question, workspaceId, body, signal) => {
    const startedAt = now();
    const rows = await runQuery(question.query, workspaceId, question.input(body, startedAt), signal);
    const duration_ms = now() - startedAt;
    const fields = { workspace_id: workspaceId, query_type: question.name, duration_ms };
    log.info({ ...fields, rows_returned: rows.length, cache_hit: false }, "query");
    return { ...question.answer(rows, body), cache_hit: false, duration_ms };
  };
};
