import { describe, expect, test } from "vitest";
import type { CheckedEvent } from "../event/event.ts";
import type { Outcome } from "../event/outcome.ts";
import type { Call } from "../ingest/call.ts";
import { type Ingest, RefusedCall } from "../ingest/ingest.ts";
import type { Rate } from "../ingest/ports.ts";
import { AppError } from "../kit/errors.ts";
import { log } from "../kit/log.ts";
import { metrics } from "../kit/metrics.ts";
import { aCheckedEvent, aSource, LIMITS, NOW } from "../testing/builders.ts";
import { captureLog } from "../testing/faults/capture-log.ts";
import { type IngestDoor, ingestApp } from "./ingest-app.ts";

log.level = "silent";

const taken: Outcome<CheckedEvent> = { messageId: "m-1", kind: "going", event: aCheckedEvent() };
const says =
  (outcome: Outcome<CheckedEvent> = taken, rate?: Rate): Ingest =>
  async () => ({ source: aSource(), rate, outcomes: [outcome], letters: [] });

/** The door over an ingest that keeps what it was given. */
function aDoor(ingest: Ingest = says(), door: Partial<IngestDoor & { trustedHops: number }> = {}) {
  const calls: Call[] = [];
  const app = ingestApp({
    ingest: async (call) => {
      calls.push(call);
      return ingest(call);
    },
    limits: { ...LIMITS, trustedHops: door.trustedHops ?? 0 },
    now: () => NOW,
    probes: {},
    metrics,
    logged: { payloadOnError: true, payloadOnSuccess: false, redactFields: ["password"] },
    authorize: async ({ token }) => {
      if (token === "sk_metrics") return { workspaceId: "w", scopes: ["metrics:read"], by: "token" };
      if (token === "sk_other") return { workspaceId: "w", scopes: ["sources:write"], by: "token" };
      throw new AppError("invalid_token", "no such token");
    },
    localMode: false,
    publicUrl: undefined,
    ...door,
  });
  const post = (path: string, headers: Record<string, string> = {}, body = "{}", env = {}) =>
    app.request(path, { method: "POST", body, headers }, env);
  return { app, calls, post };
}
const refusing = (error: AppError, rate?: Rate) => aDoor(() => Promise.reject(new RefusedCall(error, aSource(), rate)));
const textOf = (call: Call | undefined) => Buffer.from((call?.body as Uint8Array) ?? []).toString();

describe("S-7 CORS", () => {
  const PREFLIGHT = {
    origin: "https://shop.example",
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type,anonymousid",
  };

  test("a preflight is 204 with what was asked for echoed, and nobody else is asked", async () => {
    const { app, calls } = aDoor(() => expect.unreachable("a preflight reached ingest"));
    for (const path of ["/v1/track", "/b/", "/sourceConfig", "/api/s/page", "/v1/projects/k/settings", "/nowhere"]) {
      const answer = await app.request(path, { method: "OPTIONS", headers: PREFLIGHT });
      expect([answer.status, await answer.text()]).toEqual([204, ""]);
      expect(Object.fromEntries(answer.headers)).toMatchObject({
        "access-control-allow-origin": "https://shop.example",
        "access-control-allow-headers": "authorization,content-type,anonymousid",
        "access-control-allow-methods": "GET, POST, OPTIONS",
        "access-control-max-age": "86400",
        vary: expect.stringMatching(/Origin.*Access-Control-Request-Headers/),
      });
    }
    expect(calls).toEqual([]);
  });

  test("E6 no answer ever allows credentials", async () => {
    const { app, post } = aDoor();
    const answers = [
      await app.request("/v1/track", { method: "OPTIONS", headers: PREFLIGHT }),
      await post("/v1/track", { origin: "https://evil.example", cookie: "a=b" }),
    ];
    for (const answer of answers) expect(answer.headers.has("access-control-allow-credentials")).toBe(false);
  });

  test("an answer and an error can be read by the page, with when to come back", async () => {
    const rate = { limit: 500, remaining: 0, resetSeconds: 3, windowSeconds: 5 };
    const door = refusing(new AppError("rate_limited", "slow down", { retryAfterSeconds: 7 }), rate);
    for (const { post } of [aDoor(), door]) {
      const answer = await post("/v1/track", { origin: "https://shop.example" });
      expect(answer.headers.get("access-control-allow-origin")).toBe("https://shop.example");
      expect(answer.headers.get("access-control-expose-headers")).toMatch(/Retry-After.*RateLimit-Remaining/);
    }
    const lost = await aDoor().app.request("/nothing", { headers: { origin: "https://shop.example" } });
    expect([lost.status, lost.headers.get("access-control-allow-origin")]).toEqual([404, "https://shop.example"]);
  });

  test("without an Origin there are no such headers, but the answer says that it hangs on it", async () => {
    const answer = await aDoor().post("/v1/track");
    expect(answer.headers.has("access-control-allow-origin")).toBe(false);
    expect(answer.headers.get("vary")).toBe("Origin");
  });
});

describe("I-07 the rate in the answer", () => {
  const rate = { limit: 500, remaining: 499, resetSeconds: 5, windowSeconds: 5 };
  const shown = {
    "ratelimit-policy": "500;w=5",
    "ratelimit-limit": "500",
    "ratelimit-remaining": "499",
    "ratelimit-reset": "5",
  };

  test("is in the headers of what was taken and of what was refused", async () => {
    expect(Object.fromEntries((await aDoor(says(taken, rate)).post("/v1/track")).headers)).toMatchObject(shown);
    const refused = await refusing(new AppError("rate_limited", "no", { retryAfterSeconds: 9 }), rate).post(
      "/v1/batch",
    );
    expect(refused.status).toBe(429);
    expect(Object.fromEntries(refused.headers)).toMatchObject({ ...shown, "retry-after": "9" });
  });

  test("is not there where there is no limit", async () => {
    expect((await aDoor().post("/v1/track")).headers.has("ratelimit-limit")).toBe(false);
  });
});

describe("S-8 the settings of Segment's clients", () => {
  const settings = async (path: string, headers = {}, door = {}) => {
    const answer = await aDoor(says(), door).app.request(path, { headers });
    return [answer.status, answer.headers.get("cache-control"), await answer.json()];
  };
  const of = (apiKey: string, apiHost: string, protocol: string) => ({
    integrations: { "Segment.io": { apiKey, apiHost, protocol } },
  });

  test.each(["/v1/projects/any_key/settings", "/projects/any_key/settings/"])(
    "%s names the key of its path and the host that was asked",
    async (path) => {
      expect(await settings(`http://127.0.0.1:3049${path}`, { host: "127.0.0.1:3049" })).toEqual([
        200,
        "public, max-age=300",
        of("any_key", "127.0.0.1:3049/v1", "http"),
      ]);
    },
  );

  test("P-37 keep a first-party host, and the protocol that the proxy saw", async () => {
    const headers = { host: "t.shop.example", "x-forwarded-proto": "https" };
    expect(await settings("/v1/projects/k/settings", headers)).toMatchObject([
      200,
      {},
      of("k", "t.shop.example/v1", "https"),
    ]);
  });

  test("say no protocol that is none: a cache keeps them for everybody", async () => {
    for (const proto of ["javascript", "https:", "", "HTTPS "]) {
      const headers = { host: "t.shop.example", "x-forwarded-proto": proto };
      expect(await settings("http://t.shop.example/v1/projects/k/settings", headers)).toMatchObject([
        200,
        {},
        of("k", "t.shop.example/v1", "http"),
      ]);
    }
  });

  test("name the configured address where there is one", async () => {
    const door = { publicUrl: "https://in.example" };
    expect(await settings("/v1/projects/k/settings", {}, door)).toMatchObject([
      200,
      {},
      of("k", "in.example/v1", "https"),
    ]);
  });
});

test("S-9 the source config of RudderStack's clients is answered from the request alone, with a slash or without", async () => {
  const { app } = aDoor();
  for (const path of ["/sourceConfig?writeKey=k&p=npm", "/sourceConfig/?p=npm&v=3&build=modern&writeKey=k"]) {
    const answer = await app.request(path);
    expect([answer.status, await answer.json()]).toMatchObject([
      200,
      { source: { id: "k", enabled: true, config: {}, destinations: [] } },
    ]);
  }
});

describe("K-36 K-38 a pixel", () => {
  const GIF = "GIF89a";
  test.each([
    [
      "/pixel/v1/track?writeKey=wk&event=Opened&properties.mail=7",
      '{"writeKey":"wk","event":"Opened","properties.mail":"7"}',
    ],
    ["/pixel/v1/page/?writeKey=wk", '{"writeKey":"wk"}'],
    ["/api/px/t?data=e30", '{"data":"e30"}'],
  ])("%s is a picture, and its query is the event", async (path, body) => {
    const { app, calls } = aDoor();
    const answer = await app.request(path);
    expect([answer.status, answer.headers.get("content-type"), (await answer.text()).slice(0, 6)]).toEqual([
      200,
      "image/gif",
      GIF,
    ]);
    expect(answer.headers.get("cache-control")).toMatch(/no-store/);
    expect(textOf(calls[0])).toBe(body);
  });

  test("is a picture also when the event is refused, the type is none, or something of ours breaks", async () => {
    const broken = aDoor(() => Promise.reject(new TypeError("ours")));
    const refused = refusing(new AppError("invalid_write_key", "no"));
    for (const [door, path] of [
      [broken, "/pixel/v1/track"],
      [refused, "/pixel/v1/page"],
      [aDoor(), "/api/px/nonsense"],
    ] as const) {
      const answer = await door.app.request(path);
      expect([answer.status, (await answer.text()).slice(0, 6)]).toEqual([200, GIF]);
    }
  });
});

describe("K-37 the paths of Jitsu", () => {
  test.each([
    ["/api/s/track", "track"],
    ["/api/s/p/", "page"],
    ["/api/s/s2s/identify", "identify"],
    ["/api/s/s2s/g", "group"],
    ["/api/s/s2s/batch", "batch"],
  ])("%s is a %s call", async (path, kind) => {
    const { post, calls } = aDoor();
    expect((await post(path)).status).toBe(200);
    expect(calls).toMatchObject([{ kind }]);
  });

  test("of another type are refused at type", async () => {
    for (const type of ["nonsense", "constructor", "__proto__"]) {
      const answer = await aDoor().post(`/api/s/${type}`);
      expect([answer.status, await answer.json()]).toMatchObject([400, { code: "validation_failed", field: "type" }]);
    }
  });

  test("say what may be kept of the address", async () => {
    const { post, calls } = aDoor();
    for (const policy of ["remove", "stripLastOctet", "keep", "nonsense"])
      await post("/api/s/track", { "x-ip-policy": policy });
    expect(calls.map(({ client }) => client.addressPolicy)).toEqual(["drop", "truncate", undefined, undefined]);
  });
});

describe("K-39 other products' clients", () => {
  test.each([
    ["/api/event", "plausible", {}],
    ["/api/send/", "umami", {}],
    ["/v1/webhook", "webhook", {}],
    ["/track", "openpanel", { "openpanel-client-id": "wk" }],
  ])("post to %s as %s", async (path, name, headers) => {
    const { post, calls } = aDoor();
    expect((await post(path, headers)).status).toBe(200);
    expect(calls[0]).toMatchObject({ kind: "foreign", dialect: { name } });
  });

  test("S-6 OpenPanel's header is a key, after all that Segment's clients send", async () => {
    const { post, calls } = aDoor();
    await post("/track", { "openpanel-client-id": "wk_theirs" });
    await post("/track", { "openpanel-client-id": "wk_theirs", "x-write-key": "wk_ours" });
    expect(calls.map(({ key }) => key)).toEqual(["wk_theirs", "wk_ours"]);
  });

  test("I-01 the same path without OpenPanel's header is a track call", async () => {
    const { post, calls } = aDoor();
    await post("/track");
    expect(calls[0]).toMatchObject({ kind: "track", dialect: undefined });
  });

  test("a webhook may come as a GET, its query is the body", async () => {
    const { app, calls } = aDoor();
    await app.request("/v1/webhook?writeKey=wk&event=Called");
    expect(calls[0]).toMatchObject({ key: "wk", dialect: { name: "webhook" } });
    expect(JSON.parse(textOf(calls[0]))).toMatchObject({ event: "Called" });
  });

  test("ask for flags and get an empty set", async () => {
    const answer = await aDoor().post("/flags/?v=2");
    expect([answer.status, await answer.json()]).toMatchObject([200, { featureFlags: {}, flags: {} }]);
  });

  test("K-31 an SDK's own metrics are taken", async () => {
    for (const path of ["/m", "/v1/m"]) expect((await aDoor().post(path)).status).toBe(200);
  });
});

test("K-32 an import has claims of its own", async () => {
  const { post, calls } = aDoor();
  for (const path of ["/import", "/v1/import/", "/v1/batch"]) await post(path);
  expect(calls.map(({ bucket, kind }) => [kind, bucket])).toEqual([
    ["import", "dedup:import"],
    ["import", "dedup:import"],
    ["batch", "dedup"],
  ]);
});

describe("S-6 the domain of a call", () => {
  test.each<[Record<string, string>, string]>([
    [{ origin: "https://shop.example:8443", host: "in.example" }, "shop.example"],
    [{ referer: "https://shop.example/cart", host: "in.example" }, "shop.example"],
    [{ host: "t.shop.example:3049" }, "t.shop.example"],
    [{ origin: "null", host: "in.example" }, "in.example"],
  ])("of %j is %s", async (headers, domain) => {
    const { post, calls } = aDoor();
    await post("/v1/track", headers);
    expect(calls[0]?.domain).toBe(domain);
  });
});

describe("E8 the address of a call", () => {
  const forwarded = { "x-forwarded-for": "10.9.9.9, 203.0.113.7, 198.51.100.1" };
  const socket = { incoming: { socket: { remoteAddress: "::ffff:192.0.2.5" } } };

  test.each<[number, Record<string, string>, object, string]>([
    [0, forwarded, socket, "192.0.2.5"],
    [1, forwarded, socket, "198.51.100.1"],
    [2, forwarded, socket, "203.0.113.7"],
    [1, {}, socket, "192.0.2.5"],
    [0, {}, { requestContext: { http: { sourceIp: "192.0.2.9" } } }, "192.0.2.9"],
    [0, forwarded, {}, ""],
  ])(
    "behind %i proxies of ours is what the trusted one saw, whatever the client wrote",
    async (trustedHops, headers, env, address) => {
      const { post, calls } = aDoor(says(), { trustedHops });
      await post("/v1/track", headers, "{}", env);
      expect(calls[0]?.client.address).toBe(address);
    },
  );

  test("C-24 the CDN's place counts only behind a proxy", async () => {
    const headers = { "cloudfront-viewer-country": "NL", "cloudfront-viewer-city": "%27s-Hertogenbosch" };
    for (const [trustedHops, place] of [
      [0, undefined],
      [1, { country: "NL", region: "", city: "'s-Hertogenbosch" }],
    ] as const) {
      const { post, calls } = aDoor(says(), { trustedHops });
      await post("/v1/track", headers);
      expect(calls[0]?.client.place).toEqual(place);
    }
  });

  test("that guesses keys is stopped before anything is looked up; another is not, nor one with good keys", async () => {
    let asked = 0;
    const door = aDoor(async (call) => {
      asked++;
      if (call.key === "wk_good") return says()(call);
      throw new RefusedCall(new AppError("invalid_write_key", "no"), null, undefined);
    });
    const from = (address: string, key: string) =>
      door.post(`/v1/track?writeKey=${key}`, {}, "{}", { incoming: { socket: { remoteAddress: address } } });
    for (let n = 0; n < 300; n++) expect((await from("2001:db8::1", `wk_${n}`)).status).toBe(401);
    const answer = await from("2001:db8::ffff", "wk_good");
    expect([answer.status, Number(answer.headers.get("retry-after")) >= 5, asked]).toEqual([429, true, 300]);
    expect((await from("2001:db8:0:1::1", "wk_good")).status).toBe(200);
    for (let n = 0; n < 400; n++) expect((await from("192.0.2.1", "wk_good")).status).toBe(200);
  });
});

describe("E19 the metrics", () => {
  const get = (token?: string, door = {}) =>
    aDoor(says(), door).app.request(
      "/metrics",
      token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } },
    );

  test.each([
    [undefined, 401],
    ["sk_nobody", 401],
    ["sk_other", 403],
    ["sk_metrics", 200],
  ])("with the token %s are %i", async (token, status) => {
    expect((await get(token)).status).toBe(status);
  });

  test("need no token in local mode, and count what came", async () => {
    await aDoor(
      says({ messageId: "m", kind: "rejected", error: new AppError("late_event", "late"), stage: "late" }),
    ).post("/v1/batch");
    const answer = await get(undefined, { localMode: true });
    expect(answer.headers.get("content-type")).toMatch(/^text\/plain/);
    const text = await answer.text();
    expect(text).toMatch(/millrace_ingest_events_total\{outcome="rejected",code="late_event"\} [1-9]/);
    expect(text).toMatch(/millrace_http_request_seconds_bucket\{le="0.1",door="ingest"\} [1-9]/);
    expect(text).toMatch(/# TYPE millrace_http_requests_total counter/);
  });
});

describe("I-24 E15 I9 the log line of a request", () => {
  /** The texts that were written, as they stand in the log. */
  const written = async (work: () => Response | Promise<Response>) => {
    const captured = captureLog();
    try {
      await work();
    } finally {
      captured.release();
    }
    return captured.lines();
  };
  const logged = async (work: () => Response | Promise<Response>): Promise<Record<string, unknown>> => {
    const [line, ...more] = await written(work);
    expect(more).toEqual([]);
    return JSON.parse(line ?? "{}");
  };

  test("says who, what, how long and with which outcome, once, and nothing of the event", async () => {
    const { post } = aDoor();
    const line = await logged(() => post("/v1/track?writeKey=wk_canary_secret", {}, '{"email":"canary@example.org"}'));
    expect(line).toMatchObject({
      workspace_id: aSource().workspaceId,
      source_id: aSource().id,
      message_id: "m-1",
      event_type: "track",
      status_code: 200,
      duration_ms: expect.any(Number),
    });
    expect(JSON.stringify(line)).not.toMatch(/canary/);
  });

  test("A-14 of an outage says what is away, as it began", async () => {
    const cause = new AppError("unavailable", "no database", { cause: new Error("connect ECONNREFUSED") });
    const line = await logged(() => refusing(new AppError("unavailable", "later", { cause })).post("/v1/track"));
    expect(line).toMatchObject({
      level: "error",
      status_code: 503,
      refused: "unavailable",
      cause: "connect ECONNREFUSED",
    });
  });

  test("E5 never holds a key, not of the path either", async () => {
    const { app } = aDoor();
    const line = await logged(async () => app.request("/v1/projects/wk_canary_secret/settings"));
    expect(line).toMatchObject({ path: "/v1/projects/***/settings" });
    expect(JSON.stringify(line)).not.toMatch(/canary/);
  });

  test("holds the payload of what was refused, without the fields that are never shown", async () => {
    const error = new AppError("flatten_conflict", "two", { field: "properties.a" });
    const letter = {
      payload: '{"event":"E","properties":{"password":"canary","a":1}}',
      messageId: "m",
      code: "flatten_conflict",
      field: "properties.a",
    };
    const outcome = { messageId: "m", kind: "rejected", error, stage: "flatten" } as const;
    const ingest = (async () => ({
      source: aSource(),
      rate: undefined,
      outcomes: [outcome],
      letters: [letter],
    })) as unknown as Ingest;
    const line = await logged(() => aDoor(ingest).post("/v1/batch"));
    expect(line.rejected).toEqual([
      {
        message_id: "m",
        code: "flatten_conflict",
        field: "properties.a",
        payload: '{"event":"E","properties":{"password":"***","a":1}}',
      },
    ]);
    const quiet = { payloadOnError: false, payloadOnSuccess: false, redactFields: [] };
    expect(await logged(() => aDoor(ingest, { logged: quiet }).post("/v1/batch"))).not.toHaveProperty("rejected");
  });

  test("cannot be split by what a client writes: it is one line of JSON", async () => {
    const { post } = aDoor();
    const lines = await written(() => post("/v1/track%0a%1b[31mfake", { "user-agent": "a\tb" }));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/fake.*\n$/);
    expect([...(lines[0] ?? "").trimEnd()].filter((character) => character < " ")).toEqual([]);
  });
});

test.each<Record<string, string>>([{}, { "content-length": "100" }])(
  "a client that goes away while it sends (%j) is no fault of ours, and nothing of its body is taken",
  async (headers) => {
    const { app, calls } = aDoor();
    const body = new ReadableStream({
      start: (stream) => stream.enqueue(Buffer.from('{"event":')),
      pull: (stream) => stream.error(new Error("aborted")),
    });
    await app.request(new Request("http://door/v1/track", { method: "POST", body, headers, duplex: "half" }));
    expect(calls).toMatchObject([{ body: { code: "invalid_json" } }]);
  },
);

describe("I-04 readiness", () => {
  const up = async () => undefined;
  const down = () => Promise.reject(new Error("away"));
  const status = async (stream: () => Promise<unknown>, spill: () => Promise<unknown>) => {
    const probes = {
      stream: { probe: stream, required: true, orElse: "spill" },
      spill: { probe: spill, required: false },
    };
    return (await aDoor(says(), { probes }).app.request("/ready")).status;
  };

  test("is lost only when neither stream nor spill takes records", async () => {
    expect(await Promise.all([status(up, up), status(down, up), status(up, down), status(down, down)])).toEqual([
      200, 200, 200, 503,
    ]);
  });
});

test("13f what was suppressed or quarantined is a success that says so", async () => {
  for (const kind of ["suppressed", "quarantined"] as const) {
    const outcome =
      kind === "suppressed"
        ? { messageId: "m", kind }
        : { messageId: "m", kind, error: new AppError("plan_violation", "no") };
    const single = await aDoor(says(outcome)).post("/v1/track");
    expect([single.status, await single.json()]).toEqual([200, { success: true, message_id: "m", [kind]: true }]);
    const batch = await aDoor(says(outcome)).post("/v1/batch");
    expect(await batch.json()).toEqual({ success: true, accepted: 0, duplicates: 0, [kind]: 1, rejected: [] });
  }
});
