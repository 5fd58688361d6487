import { setTimeout as wait } from "node:timers/promises";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { JsonObject } from "../../event/event.ts";
import { decodeFrame } from "../../event/frame.ts";
import { valuesOf } from "../../event/frame-reader.ts";
import { ingestApp } from "../../http/ingest-app.ts";
import { flatten } from "../../ingest/flatten.ts";
import { createIngest } from "../../ingest/ingest.ts";
import { createPublish } from "../../ingest/publish.ts";
import { AppError, HTTP_STATUS } from "../../kit/errors.ts";
import { newId } from "../../kit/id.ts";
import { log } from "../../kit/log.ts";
import { metrics } from "../../kit/metrics.ts";
import { aSource, LIMITS, NOW } from "../builders.ts";
import { aCache, aDeadLetterQueue, aRegistry, aStream, ingestPorts } from "../fakes.ts";
import { anyBag } from "./any-body.ts";
import { type AnyRequest, anyRequest } from "./any-request.ts";

log.level = "silent";

/** `npm run fuzz -- --seconds 60 --seed 7` sets them; without, a few seconds from a seed that is always the same. */
const { FUZZ_SECONDS = "3", FUZZ_SEED = "20261121" } = process.env;
const SECONDS = Number(FUZZ_SECONDS);
const how = { seed: Number(FUZZ_SEED), numRuns: 100_000_000, markInterruptAsFailure: false };
/** A request that takes this long hangs, on however busy a machine. */
const HANG_MS = 20_000;
/** Each part of its own time: first the door, then flatten. */
const limit = (share: number) => ({ interruptAfterTimeLimit: SECONDS * 1_000 * share, ...how });

/** The whole path over ports that are quiet, and take everything. */
function aDoor() {
  const [stream, cache] = [aStream(), aCache({ "#wk_test": aSource() })];
  const publish = createPublish({
    ...{ putFrames: stream.putFrames, spill: stream.putFrames, now: () => NOW, wait },
    ...{ orderBuckets: 4, budgetMs: 300 },
  });
  const queue = aDeadLetterQueue();
  const ports = ingestPorts({ ...cache, ...queue, schemas: aRegistry().schemas, publish, newId });
  const app = ingestApp({
    ingest: createIngest(ports),
    limits: { ...LIMITS, trustedHops: 1 },
    now: () => NOW,
    probes: {},
    metrics,
    logged: { payloadOnError: true, payloadOnSuccess: true, redactFields: ["password"] },
    authorize: () => Promise.reject(new AppError("invalid_token", "no")),
    localMode: false,
    publicUrl: undefined,
  });
  return { app, stream };
}

async function answered({ app }: ReturnType<typeof aDoor>, { method, path, headers, body }: AnyRequest) {
  const hasBody = method !== "GET" && method !== "HEAD" && method !== "OPTIONS";
  const request = new Request(`http://127.0.0.1${path}`, { method, headers, ...(hasBody && { body }) });
  const hung = wait(HANG_MS, undefined, { ref: false }).then(() => expect.unreachable("no answer"));
  return Promise.race([Promise.resolve(app.fetch(request)), hung]);
}

/** What any answer of the door must look like. Returns its status. */
async function checked(response: Response, { method }: AnyRequest): Promise<number> {
  const { status } = response;
  const text = await response.text();
  expect(status, text).toBeLessThan(500);
  if (method === "HEAD" || status === 204 || response.headers.get("content-type") === "image/gif") return status;
  const body = JSON.parse(text) as Record<string, unknown>;
  if (status === 200) expect(body).toBeTypeOf("object");
  else {
    expect(body).toMatchObject({ error: body.message, message: expect.any(String), request_id: expect.any(String) });
    expect(HTTP_STATUS[body.code as keyof typeof HTTP_STATUS], text).toBe(status);
    // Nothing of the inside is told.
    expect(text).not.toMatch(/\bat .*\.ts:|node:internal|RangeError|TypeError|SyntaxError/);
  }
  return status;
}

test(
  "no request makes the door crash, hang or answer 5xx, each answer is in the envelope, and what is published is whole",
  async () => {
    const statuses: Record<number, number> = {};
    let [requests, reached] = [0, 0];
    await fc.assert(
      fc.asyncProperty(anyRequest, async (request) => {
        // One door a request: what a counterexample needs is in it.
        const door = aDoor();
        const status = await checked(await answered(door, request), request);
        requests++;
        statuses[status] = (statuses[status] ?? 0) + 1;
        if (door.stream.records.length > 0) reached++;
        for (const { record } of door.stream.records) {
          const frame = decodeFrame(record);
          for (const name of ["properties", "traits", "context"] as const)
            for (const text of valuesOf(frame, name)) expect(JSON.parse(String(text))).toBeTypeOf("object");
          for (const id of valuesOf(frame, "message_id")) expect(String(id).isWellFormed()).toBe(true);
        }
      }),
      limit(0.75),
    );
    const share = Math.round((100 * reached) / requests);
    console.log(
      `fuzz: seed ${how.seed}, ${requests} requests, ${share} % reached publish, ${JSON.stringify(statuses)}`,
    );
    expect(requests).toBeGreaterThan(20);
    expect(share).toBeGreaterThanOrEqual(30);
  },
  SECONDS * 1_000 + 120_000,
);

test(
  "flatten makes of anything one level of names in snake case, or says why not",
  () => {
    fc.assert(
      fc.property(anyBag, (bag) => {
        let flat: JsonObject;
        try {
          flat = flatten(bag as JsonObject, "properties");
        } catch (error) {
          expect(error).toBeInstanceOf(AppError);
          return;
        }
        for (const [name, value] of Object.entries(flat)) {
          expect(name).toMatch(/^[^\s.\-A-Z]+$/);
          expect(["__proto__", "constructor", "prototype"]).not.toContain(name);
          expect(typeof value !== "object" || value === null || Array.isArray(value)).toBe(true);
        }
        expect(({} as Record<string, unknown>).polluted).toBeUndefined();
        const text = JSON.stringify(flat);
        expect(JSON.stringify(JSON.parse(text))).toBe(text);
      }),
      limit(0.25),
    );
  },
  SECONDS * 1_000 + 120_000,
);
