import { ingestApp } from "../../http/ingest-app.ts";
import { AppError, type ErrorCode } from "../../kit/errors.ts";

/** The shortest wait that the door asks for; S-3 lets it be 5 to 60 s. */
export const RETRY_AFTER_SECONDS = 5;

const CODES = { 400: "validation_failed", 413: "payload_too_large", 429: "rate_limited", 503: "unavailable" } as const;
export type Refusal = keyof typeof CODES;

/**
 * The ingest door as it is, before a path that refuses every call: envelope, CORS and headers of a refusal are the door's own.
 */
export function refusingDoor(status: Refusal): (request: Request) => Promise<Response> {
  const code: ErrorCode = CODES[status];
  const waits = status === 429 || status === 503;
  const app = ingestApp({
    ingest: async () => {
      throw new AppError(code, "Refused for a test.", waits ? { retryAfterSeconds: RETRY_AFTER_SECONDS } : {});
    },
    limits: { eventBytesMax: 1e9, batchBytesMax: 1e9 },
    now: Date.now,
    probes: {},
  });
  return async (request) => app.fetch(request);
}
