import type { ErrorHandler, NotFoundHandler } from "hono";
import { HTTPException } from "hono/http-exception";
import { AppError, type ErrorCode, HTTP_STATUS, messageOf } from "../kit/errors.ts";
import { log } from "../kit/log.ts";
import type { DoorVars } from "./vars.ts";

/** The only place where an error becomes a response. `error` repeats `message`: some SDKs read one, some the other. Decision 3. */
export const answerError: ErrorHandler<DoorVars> = (error, c) => {
  const known = asAppError(error);
  const request_id = c.var.requestId;
  if (!known) log.error({ request_id, err: error }, "unexpected");
  const { code, message, field, retryAfterSeconds } = known ?? INTERNAL;
  // What is away belongs to the request's line; other causes may quote what somebody sent.
  if (known?.code === "unavailable") Object.assign(c.var.logged ?? {}, { cause: rootOf(known) });
  if (retryAfterSeconds) c.header("Retry-After", String(retryAfterSeconds));
  return c.json(
    { error: message, code, message, ...(field !== undefined && { field }), request_id },
    HTTP_STATUS[code],
  );
};

export const answerNotFound: NotFoundHandler<DoorVars> = (c) =>
  answerError(new AppError("not_found", `There is nothing at ${c.req.method} ${c.req.path}.`), c);

/** What began it all, in words: the stores take whatever was asked out of them. */
function rootOf(error: Error): string {
  let root: unknown = error;
  while (root instanceof Error && root.cause !== undefined) root = root.cause;
  return messageOf(root);
}

const INTERNAL = new AppError("internal", "internal server error");

/** The codes that stand for what Hono itself refuses, such as a malformed body or path. */
const CODE_BY_STATUS: Partial<Record<number, ErrorCode>> = {
  400: "validation_failed",
  401: "invalid_token",
  403: "forbidden",
  404: "not_found",
  413: "payload_too_large",
};

function asAppError(error: unknown): AppError | undefined {
  if (error instanceof AppError) return error;
  const code = error instanceof HTTPException ? CODE_BY_STATUS[error.status] : undefined;
  return code && new AppError(code, (error as HTTPException).message, { cause: error });
}
