import { ingestApp } from "../../http/ingest-app.ts";
import { RefusedCall } from "../../ingest/ingest.ts";
import { AppError } from "../../kit/errors.ts";

/** The shortest wait that the door asks for; S-3 lets it be 5 to 60 s. */
export const RETRY_AFTER_SECONDS = 5;

const CODES = { 400: "validation_failed", 413: "payload_too_large", 429: "rate_limited", 503: "unavailable" } as const;
export type Refusal = keyof typeof CODES;

/**
 * The ingest door as it is, before a path that refuses every call: envelope, CORS and headers of a refusal are the door's
 * own.
 */
export function refusingDoor(status: Refusal): (request: Request) => Promise<Response> {
  const waits = status === 429 || status === 503;
  const refusal = new AppError(CODES[status], "Refused for a test.", {
    ...(waits && { retryAfterSeconds: RETRY_AFTER_SECONDS }),
  });
  const rate = { limit: 500, remaining: 0, resetSeconds: RETRY_AFTER_SECONDS, windowSeconds: 5 };
  const app = ingestApp({
    ingest: async () => {
      throw new RefusedCall(refusal, null, status === 429 ? rate : undefined);
    },
    limits: { eventBytesMax: 1e9, batchBytesMax: 1e9, trustedHops: 0 },
    now: Date.now,
    metrics: { event: () => undefined, refused: () => undefined },
    logged: { payloadOnError: false, payloadOnSuccess: false, redactFields: [] },
    authorize: async () => {
      throw refusal;
    },
    localMode: false,
    publicUrl: undefined,
    probes: {},
  });
  return async (request) => app.fetch(request);
}
