import type { Context } from "hono";
import type { CheckedEvent } from "../event/event.ts";
import { going, type Outcome } from "../event/outcome.ts";
import { type Ingest, RefusedCall } from "../ingest/ingest.ts";
import type { Rate } from "../ingest/ports.ts";
import { AppError } from "../kit/errors.ts";
import type { IngestMetrics } from "../kit/metrics.ts";
import { callOf, type DoorLimits, type Route } from "./call.ts";
import { addressOf } from "./client.ts";
import { createPerAddressLimit } from "./guards/per-address-limit.ts";
import { redactedPayload } from "./redacted-payload.ts";
import { say } from "./taken.ts";
import type { DoorVars } from "./vars.ts";

/** Runs one request through ingest: its verdicts, with its rate in the headers and its fields in the log line. Throws AppError. */
export type Take = (c: Context<DoorVars>, route: Route) => Promise<readonly Outcome<CheckedEvent>[]>;

export type TakePorts = {
  ingest: Ingest;
  limits: DoorLimits;
  now: () => number;
  metrics: IngestMetrics;
  logged: { payloadOnError: boolean; payloadOnSuccess: boolean; redactFields: readonly string[] };
};

/** Refused events of one request whose payload the log shows. */
const PAYLOADS_LOGGED_MAX = 5;

export function createTake({ ingest, limits, now, metrics, logged }: TakePorts): Take {
  const perAddress = createPerAddressLimit(now);
  return async (c, route) => {
    const receivedAt = now();
    const address = addressOf(c, limits.trustedHops);
    const fields = c.get("logged");
    fields.event_type = route.dialect?.name ?? route.kind;
    perAddress.check(address);
    try {
      const { source, rate, outcomes, letters } = await ingest(await callOf(c, route, limits, receivedAt));
      rateHeaders(c, rate);
      fields.workspace_id = source.workspaceId;
      fields.source_id = source.id;
      if (outcomes.length === 1) fields.message_id = outcomes[0]?.messageId ?? "";
      else fields.events = outcomes.length;
      if (letters.length > 0 && logged.payloadOnError)
        fields.rejected = letters.slice(0, PAYLOADS_LOGGED_MAX).map((letter) => ({
          message_id: letter.messageId,
          code: letter.code,
          field: letter.field,
          payload: redactedPayload(letter.payload, logged.redactFields),
        }));
      if (logged.payloadOnSuccess)
        fields.accepted = going(outcomes).map(({ event, properties, traits }) =>
          redactedPayload(JSON.stringify({ event, properties, traits }), logged.redactFields),
        );
      for (const outcome of outcomes)
        metrics.event(outcome.kind, outcome.kind === "rejected" ? outcome.error.code : "");
      return outcomes;
    } catch (error) {
      if (error instanceof RefusedCall) {
        rateHeaders(c, error.rate);
        if (error.code === "invalid_write_key") perAddress.refused(address);
        if (error.source) Object.assign(fields, { workspace_id: error.source.workspaceId, source_id: error.source.id });
      }
      if (error instanceof AppError) {
        fields.refused = error.code;
        metrics.refused(error.code);
      }
      throw error;
    }
  };
}

/** The names that clients and proxies know (draft-ietf-httpapi-ratelimit-headers, the form with three fields). I-07. */
function rateHeaders(c: Context<DoorVars>, rate: Rate | undefined): void {
  if (!rate) return;
  say(c, "RateLimit-Policy", `${rate.limit};w=${rate.windowSeconds}`);
  say(c, "RateLimit-Limit", String(rate.limit));
  say(c, "RateLimit-Remaining", String(rate.remaining));
  say(c, "RateLimit-Reset", String(rate.resetSeconds));
}
