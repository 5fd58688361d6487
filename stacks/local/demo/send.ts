import { Agent as HttpAgent, request as requestHttp } from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";
import { text as textOf } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { messageOf } from "../../../functions/kit/errors.ts";
import type { Batch } from "./batches.ts";
import type { SourceName } from "./tape.ts";

export type Keys = Readonly<Record<SourceName, string>>;
/** What the door said of a batch: every event of it is in one of the three. */
export type Verdict = z.infer<typeof Verdict>;
const Verdict = z.object({
  accepted: z.int(),
  duplicates: z.int(),
  rejected: z.array(z.object({ index: z.int(), code: z.string() })),
});
export type Send = (batch: Batch) => Promise<Verdict>;
export type SendPorts = {
  ingestUrl: string;
  keys: Keys;
  clock: () => number;
  /** Told before each wait: why the batch was not taken, and in how many milliseconds it is sent again. */
  onWait: (why: string, waitMs: number) => void;
  /** Ends the waiting, not a request under way. */
  signal: AbortSignal;
};

/** As many requests are under way at once as a few SDKs would have. */
export const CONNECTIONS = 4;
/** Together some 30 s of backing off, longer than a door takes to be started again. */
const ATTEMPTS_MAX = 10;
const BACKOFF_MS = { first: 250, max: 5_000 };
const RETRY_AFTER_MAX_S = 60;
const ANSWER_LIMIT_MS = 60_000;

/**
 * Sends a batch as a Segment client does, until the door has given its verdict. An outage (429, 5xx, no answer) is
 * waited out, `Retry-After` respected, at most ten times; a repeat is harmless, since the ids stay the same. Throws a
 * sentence for everything else, at once when the very first connection is refused.
 */
export function createSend({ ingestUrl, keys, clock, onWait, signal }: SendPorts): Send {
  const url = new URL("/v1/batch", ingestUrl);
  let reached = false;
  return async (batch) => {
    for (let attempt = 1; ; attempt++) {
      const tried = await post(url, keys[batch.source], batch, clock());
      const isFirst = !reached;
      reached ||= tried.kind !== "nobody";
      if (tried.kind === "verdict") return checked(tried.body, batch);
      if (tried.kind === "refused") throw new Error(`${url.origin} refused a batch: ${tried.why}`);
      if (tried.kind === "nobody" && isFirst)
        throw new Error(
          `Nothing listens at ${url.origin}. Start Millrace with npm start, or give its address with --url.`,
        );
      if (attempt === ATTEMPTS_MAX)
        throw new Error(`${url.origin} did not take a batch in ${ATTEMPTS_MAX} attempts: ${tried.why}`);
      const waitMs = tried.waitMs ?? Math.min(BACKOFF_MS.first * 2 ** (attempt - 1), BACKOFF_MS.max);
      onWait(tried.why, waitMs);
      await sleep(waitMs, undefined, { signal });
    }
  };
}

type Tried =
  | { kind: "verdict"; body: unknown }
  | { kind: "refused"; why: string }
  | { kind: "outage" | "nobody"; why: string; waitMs: number | undefined };

async function post(url: URL, key: string, batch: Batch, sentAt: number): Promise<Tried> {
  // The moment of this attempt, as clients do, so that the door sees no skew however long the batch had to wait.
  const body = `{"batch":[${batch.json}],"sentAt":"${new Date(sentAt).toISOString()}"}`;
  const headers = {
    "content-type": "application/json",
    authorization: `Basic ${Buffer.from(`${key}:`).toString("base64")}`,
  };
  try {
    const { status, text, retryAfter } = await exchange(url, headers, body);
    if (status === 200) return { kind: "verdict", body: jsonOf(text) };
    const why = `${status} ${messageIn(text)}`;
    if (status !== 429 && status < 500) return { kind: "refused", why };
    return { kind: "outage", why, waitMs: retryAfterMs(retryAfter) };
  } catch (error) {
    const isNobody = (error as NodeJS.ErrnoException).code === "ECONNREFUSED";
    return { kind: isNobody ? "nobody" : "outage", why: messageOf(error), waitMs: undefined };
  }
}

const agents = {
  "http:": new HttpAgent({ keepAlive: true, maxSockets: CONNECTIONS }),
  "https:": new HttpsAgent({ keepAlive: true, maxSockets: CONNECTIONS }),
};
type Exchanged = { status: number; text: string; retryAfter: string | undefined };

/** One POST on a kept connection. Not `fetch`, which knows ports that it never speaks to. */
function exchange(url: URL, headers: Record<string, string>, body: string): Promise<Exchanged> {
  const isHttps = url.protocol === "https:";
  const options = { method: "POST", headers, agent: agents[isHttps ? "https:" : "http:"], timeout: ANSWER_LIMIT_MS };
  return new Promise((resolve, reject) => {
    const request = (isHttps ? requestHttps : requestHttp)(url, options, async (response) => {
      try {
        const { statusCode: status = 0, headers } = response;
        resolve({ status, text: await textOf(response), retryAfter: headers["retry-after"] });
      } catch (error) {
        reject(error);
      }
    });
    request.on("timeout", () => request.destroy(new Error(`no answer within ${ANSWER_LIMIT_MS / 1_000} s`)));
    request.on("error", reject);
    request.end(body);
  });
}

/** An event that no list of the answer names would be lost in silence. */
function checked(body: unknown, batch: Batch): Verdict {
  const { success, data } = Verdict.safeParse(body);
  const counted = success ? data.accepted + data.duplicates + data.rejected.length : 0;
  if (success && counted === batch.types.length) return data;
  throw new Error(`The door answered 200 but accounts for ${counted} of the ${batch.types.length} events of a batch.`);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function messageIn(text: string): string {
  const body = z.object({ message: z.string() }).safeParse(jsonOf(text));
  return body.success ? body.data.message : text.slice(0, 200);
}

/** Seconds or a date (RFC 9110, 10.2.3) as milliseconds from now, at most a minute; undefined for anything else. */
function retryAfterMs(value: string | undefined): number | undefined {
  if (!value) return undefined;
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1_000;
  return Number.isNaN(seconds) ? undefined : 1_000 * Math.min(Math.max(seconds, 0), RETRY_AFTER_MAX_S);
}
