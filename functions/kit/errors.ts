/** Every code that an answer or a dead letter may carry, with its HTTP status. Contract I-30: codes are stable. */
export const HTTP_STATUS = {
  invalid_json: 400,
  validation_failed: 400,
  flatten_conflict: 400,
  schema_conflict: 400,
  plan_violation: 400,
  sql_refused: 400,
  query_limit: 400,
  invalid_write_key: 401,
  invalid_token: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  payload_too_large: 413,
  late_event: 422,
  rate_limited: 429,
  internal: 500,
  unavailable: 503,
} as const;

export type ErrorCode = keyof typeof HTTP_STATUS;

/** What the caller, or the event, did wrong. `message` may be shown to them; `cause` is for our log only. */
export class AppError extends Error {
  override readonly name = "AppError";
  readonly code: ErrorCode;
  readonly field: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    at: { field?: string; retryAfterSeconds?: number; cause?: unknown } = {},
  ) {
    super(message, { cause: at.cause });
    this.code = code;
    this.field = at.field;
    this.retryAfterSeconds = at.retryAfterSeconds;
  }
}

/** The message of anything thrown, for a log line or a sentence to a person; never for an answer. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
