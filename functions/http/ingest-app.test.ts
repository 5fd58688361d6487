import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { CheckedEvent } from "../event/event.ts";
import type { Outcome } from "../event/outcome.ts";
import type { Call } from "../ingest/call.ts";
import type { Ingest } from "../ingest/ingest.ts";
import { AppError, type ErrorCode, HTTP_STATUS } from "../kit/errors.ts";
import { log } from "../kit/log.ts";
import { metrics } from "../kit/metrics.ts";
import { aCheckedEvent, aSource, LIMITS, NOW } from "../testing/builders.ts";
import { type IngestDoor, ingestApp } from "./ingest-app.ts";
import { EVENT_PATHS } from "./routes/events.ts";
import type { Probes } from "./routes/health.ts";

log.level = "silent";

/** An ingest that says of every call the same. */
const verdicts =
  (...outcomes: Outcome<CheckedEvent>[]): Ingest =>
  async () => ({ source: aSource(), rate: undefined, outcomes, letters: [] });

/** The door over an ingest that keeps what it was given; by default each event of a call is taken. */
function aDoor(ingest?: Ingest, probes: Probes = {}, door: Partial<IngestDoor> = {}) {
  const calls: Call[] = [];
  const taken = verdicts({ messageId: "m-1", kind: "going", event: aCheckedEvent() });
  const app = ingestApp({
    ingest: async (call) => {
      calls.push(call);
      return (ingest ?? taken)(call);
    },
    limits: { ...LIMITS, trustedHops: 0 },
    now: () => NOW,
    probes,
    metrics,
    logged: { payloadOnError: true, payloadOnSuccess: false, redactFields: [] },
    authorize: () => Promise.reject(new AppError("invalid_token", "no")),
    localMode: false,
    publicUrl: undefined,
    ...door,
  });
  const post = (path: string, body: string | Uint8Array<ArrayBuffer> = "{}", headers: Record<string, string> = {}) =>
    app.request(path, { method: "POST", body, headers });
  return { app, calls, post };
}
const refusing = (error: unknown) => aDoor(() => Promise.reject(error));
const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`;
const textOf = (call: Call | undefined) =>
  call?.body instanceof Uint8Array ? Buffer.from(call.body).toString() : call?.body;

describe("the paths of events", () => {
  test.each(
    EVENT_PATHS.flatMap(([path, kind]) => [
      [path, kind],
      [`${path}/`, kind],
    ]),
  )("%s takes a %s call with exactly 200 and a JSON object", async (path, kind) => {
    const { post, calls } = aDoor();
    const answer = await post(path, '{"a":1}');
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toMatch(/^application\/json/);
    expect(await answer.json()).toEqual(
      kind === "batch" || kind === "import"
        ? { success: true, accepted: 1, duplicates: 0, rejected: [] }
        : { success: true, message_id: "m-1" },
    );
    expect(calls).toMatchObject([{ kind, receivedAt: NOW, gzip: false }]);
    expect(textOf(calls[0])).toBe('{"a":1}');
  });

  test("are those of contract K-30, K-32, K-35 and the batch of K-37", () => {
    const names = ["track", "identify", "page", "screen", "group", "alias", "batch"];
    const all = [
      ...names.flatMap((name) => [`/${name}`, `/v1/${name}`, `/v1/${name === "screen" ? "s" : name[0]}`]),
      "/b",
      "/import",
      "/v1/import",
      "/beacon/v1/batch",
      "/api/s/s2s/batch",
    ];
    expect(EVENT_PATHS.map(([path]) => path).toSorted()).toEqual(all.toSorted());
  });

  test("answer 404 in the envelope to what is not there, GET included", async () => {
    const { app } = aDoor();
    for (const [method, path] of [
      ["POST", "/v2/track"],
      ["GET", "/v1/track"],
      ["POST", "/"],
    ] as const) {
      const answer = await app.request(path, { method });
      expect(answer.status).toBe(404);
      const body = (await answer.json()) as { message: string; request_id: string };
      expect(body).toEqual({
        error: body.message,
        code: "not_found",
        message: `There is nothing at ${method} ${path}.`,
        request_id: body.request_id,
      });
    }
  });
});

describe("an answer", () => {
  test("tells a duplicate, and is 200 all the same", async () => {
    const { post } = aDoor(verdicts({ messageId: "m-1", kind: "duplicate" }));
    const answer = await post("/v1/track");
    expect([answer.status, await answer.json()]).toEqual([200, { success: true, message_id: "m-1", duplicate: true }]);
  });

  test("to one refused event is its error", async () => {
    const error = new AppError("validation_failed", "no event", { field: "event" });
    const { post } = aDoor(verdicts({ messageId: "m-1", kind: "rejected", error, stage: "validate" }));
    const answer = await post("/v1/track");
    expect([answer.status, await answer.json()]).toMatchObject([400, { code: "validation_failed", field: "event" }]);
  });

  test("to a batch is 200 with each refused event at its index, also when all are refused", async () => {
    const error = new AppError("flatten_conflict", "two paths", { field: "properties.a" });
    const outcomes = [
      { messageId: "a", kind: "rejected", error, stage: "flatten" },
      { messageId: "b", kind: "going", event: aCheckedEvent() },
      { messageId: "c", kind: "duplicate" },
      { messageId: "", kind: "rejected", error: new AppError("payload_too_large", "large"), stage: "parse" },
    ] as const;
    const answer = await aDoor(verdicts(...outcomes)).post("/v1/batch");
    expect([answer.status, await answer.json()]).toEqual([
      200,
      {
        success: true,
        accepted: 1,
        duplicates: 1,
        rejected: [
          { index: 0, message_id: "a", code: "flatten_conflict", field: "properties.a", message: "two paths" },
          { index: 3, message_id: "", code: "payload_too_large", message: "large" },
        ],
      },
    ]);
    const empty = await aDoor(verdicts()).post("/v1/batch");
    expect(await empty.json()).toEqual({ success: true, accepted: 0, duplicates: 0, rejected: [] });
  });

  test.each(Object.keys(HTTP_STATUS) as ErrorCode[])(
    "to a call refused with %s has that code's status and the whole envelope",
    async (code) => {
      const answer = await refusing(
        new AppError(code, "why", { field: "f", retryAfterSeconds: 7, cause: new Error("secret") }),
      ).post("/v1/batch");
      expect(answer.status).toBe(HTTP_STATUS[code]);
      expect(answer.headers.get("retry-after")).toBe("7");
      const body = (await answer.json()) as { message: string; request_id: string };
      expect(body).toEqual({
        error: "why",
        code,
        message: "why",
        field: "f",
        request_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      });
    },
  );

  test("to a fault of ours says nothing of its cause", async () => {
    const answer = await refusing(new TypeError("password=hunter2 at /srv/app")).post("/v1/track");
    const text = await answer.text();
    expect(answer.status).toBe(500);
    expect(JSON.parse(text)).toMatchObject({
      code: "internal",
      message: "internal server error",
      error: "internal server error",
    });
    expect(text).not.toMatch(/hunter2|srv|TypeError/);
  });

  test("has a request id of its own each time", async () => {
    const { post } = refusing(new AppError("unavailable", "later"));
    const ids = await Promise.all(
      [1, 2, 3].map(async () => ((await (await post("/v1/track")).json()) as { request_id: string }).request_id),
    );
    expect(new Set(ids).size).toBe(3);
  });
});

describe("the key of a call", () => {
  const JWT = `${Buffer.from('{"alg":"RS256"}').toString("base64url")}.e30.c2ln`;
  const all = {
    authorization: basic("wk_basic:"),
    "x-write-key": "wk_header",
  };
  test.each<[string, string, Record<string, string>, string | undefined]>([
    ["Basic first", "?writeKey=wk_query", all, "wk_basic"],
    ["Basic without a colon", "", { authorization: basic("wk_basic") }, "wk_basic"],
    ["Basic, whatever its case", "", { authorization: basic("wk_basic:").replace("Basic", "basic") }, "wk_basic"],
    ["Bearer, before the header", "", { authorization: "Bearer wk_bearer", "x-write-key": "wk_header" }, "wk_bearer"],
    [
      "the query, where Bearer is a token of OAuth",
      "?writeKey=wk_query",
      { authorization: `Bearer ${JWT}` },
      "wk_query",
    ],
    [
      "none, where Bearer is a token of OAuth and the body may have it",
      "",
      { authorization: `Bearer ${JWT}` },
      undefined,
    ],
    ["the header, before the query", "?writeKey=wk_query", { "x-write-key": "wk_header" }, "wk_header"],
    ["the header, where Basic has no user", "", { ...all, authorization: basic(":secret") }, "wk_header"],
    ["the query", "?writeKey=wk_query", {}, "wk_query"],
    ["the query in lower case", "?writekey=wk_query", {}, "wk_query"],
    ["the next, where one is masked", "?writeKey=wk_query", { "x-write-key": "id:***" }, "wk_query"],
    ["none, where all are masked", "?writeKey=***", { authorization: "Bearer ***" }, undefined],
    ["none, where the authorization is of another kind", "", { authorization: "Digest a=b" }, undefined],
    ["none at all", "", {}, undefined],
  ])("is %s", async (_, query, headers, key) => {
    const { post, calls } = aDoor();
    await post(`/v1/track${query}`, "{}", headers);
    expect(calls[0]?.key).toBe(key);
  });
});

describe("a body", () => {
  const streamed = (bytes: number) =>
    new ReadableStream({
      start(controller) {
        for (let at = 0; at < bytes; at += 10_000) controller.enqueue(Buffer.alloc(Math.min(10_000, bytes - at), "x"));
        controller.close();
      },
    });
  const chunked = (app: ReturnType<typeof aDoor>["app"], path: string, bytes: number) =>
    app.request(
      new Request(`http://localhost${path}`, { method: "POST", body: streamed(bytes), duplex: "half" } as RequestInit),
    );

  test.each([
    ["/v1/track", LIMITS.eventBytesMax],
    ["/v1/batch", LIMITS.batchBytesMax],
  ] as const)("to %s may have %i bytes, by its declared length and by what comes", async (path, max) => {
    const { app, calls } = aDoor();
    for (const bytes of [max, max + 1]) {
      await app.request(path, {
        method: "POST",
        body: Buffer.alloc(bytes, "x"),
        headers: { "content-length": String(bytes) },
      });
      await chunked(app, path, bytes);
    }
    expect(calls.map(({ body }) => (body instanceof AppError ? body.code : body.length))).toEqual([
      max,
      max,
      "payload_too_large",
      "payload_too_large",
    ]);
  });

  test("without a length is not read beyond the limit", async () => {
    const { app } = aDoor();
    let pulled = 0;
    const body = new ReadableStream({
      pull(controller) {
        pulled++;
        controller.enqueue(Buffer.alloc(64 * 1_024));
      },
    });
    await app.request(
      new Request("http://localhost/v1/track", { method: "POST", body, duplex: "half" } as RequestInit),
    );
    expect(pulled).toBeLessThan(10);
  });

  test.each(["application/json", "text/plain", "application/x-www-form-urlencoded", "nonsense"])(
    "is taken as it comes, gzip or not, when it says %s",
    async (type) => {
      const { post, calls } = aDoor();
      const compressed = gzipSync('{"a":1}');
      await post("/v1/batch", compressed, { "content-type": type, "content-encoding": "gzip" });
      await post("/v1/batch", '{"a":1}', { "content-type": type });
      expect(calls.map(({ gzip }) => gzip)).toEqual([true, false]);
      expect(calls[0]?.body).toHaveLength(compressed.length);
      expect(textOf(calls[1])).toBe('{"a":1}');
    },
  );

  test("may say when it was sent in a header", async () => {
    const { post, calls } = aDoor();
    await post("/v1/track", "{}", { SentAt: "2026-11-21T12:00:00.000Z" });
    await post("/v1/track");
    expect(calls.map(({ sentAt }) => sentAt)).toEqual(["2026-11-21T12:00:00.000Z", undefined]);
  });
});

describe("health", () => {
  const up = async () => undefined;
  const down = () => Promise.reject(new Error("connect ECONNREFUSED 10.0.0.7 password=hunter2"));
  const ready = async (probes: Probes) => {
    const answer = await aDoor(undefined, probes).app.request("/ready");
    return [answer.status, await answer.json()];
  };

  test("is 200 and asks nobody", async () => {
    const probe = { probe: () => expect.unreachable(), required: true };
    const answer = await aDoor(undefined, { probe }).app.request("/health/");
    expect([answer.status, await answer.json()]).toEqual([200, { status: "ok", success: true }]);
  });

  test("ready is 200 with the state of each when all answer", async () => {
    expect(await ready({ stream: { probe: up, required: true }, cache: { probe: up, required: false } })).toEqual([
      200,
      { status: "ok", success: true, checks: { stream: "ok", cache: "ok" } },
    ]);
  });

  test("ready is degraded with 200 without what is optional, and says nothing of why", async () => {
    expect(await ready({ stream: { probe: up, required: true }, cache: { probe: down, required: false } })).toEqual([
      200,
      { status: "degraded", success: true, checks: { stream: "ok", cache: "not reachable" } },
    ]);
  });

  test("ready is 503 without what is required, also when it hangs or fails at once", async () => {
    const broken = () => {
      throw new Error("broken");
    };
    const probes: Probes = {
      stream: { probe: down, required: true },
      hanging: { probe: () => new Promise(() => {}), required: true },
      broken: { probe: broken, required: false },
    };
    expect(await ready(probes)).toEqual([
      503,
      {
        status: "unavailable",
        success: false,
        checks: { stream: "not reachable", hanging: "no answer within 1 s", broken: "not reachable" },
      },
    ]);
  });
});
