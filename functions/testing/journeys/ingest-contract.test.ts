import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { LOCAL } from "../../../stacks/local/local-mode.ts";
import { DOOR_PORTS } from "../../../stacks/local/ports.ts";
import { HTTP_STATUS } from "../../kit/errors.ts";
import { basic, manage as manageOf, post as postTo, sql as sqlOf } from "../local-client.ts";
import { eventually } from "../local-system.ts";
import { useLocalSystem } from "../use-local-system.ts";

const system = useLocalSystem({ LOG_LEVEL: "info" });

const HOUR_MS = 60 * 60 * 1_000;
const iso = (ms: number) => new Date(ms).toISOString();
const post = (path: string, body: unknown, headers?: Record<string, string>) =>
  postTo(system.running(), path, body, headers);
const sql = (query: string) => sqlOf(system.running(), query);
const at = (path: string) => `${system.running().ingestUrl}${path}`;

/** A track event of its own; fields may be changed or taken away. */
const anEvent = <Fields extends object>(fields: Fields = {} as Fields) => ({
  type: "track",
  event: "Contract",
  anonymousId: randomUUID(),
  messageId: randomUUID(),
  timestamp: iso(Date.now()),
  ...fields,
});

/** The rows of one message id, once the first of them is there. */
const storedRow = (id: string, columns: string) =>
  eventually(async () => {
    const rows = await sql(`SELECT ${columns} FROM events WHERE message_id = '${id}'`);
    expect(rows).not.toEqual([]);
    return rows;
  });
const isStoredOnce = async (id: string) => expect(await storedRow(id, "message_id")).toEqual([[id]]);

const manage = (method: string, path: string, body?: unknown) => manageOf(system.running(), method, path, body);

/** A source with a key of its own, with these settings. */
async function aSource(settings: object = {}) {
  const { body: source } = await manage("POST", "/sources", { name: `Contract ${randomUUID()}`, ...settings });
  const { body: key } = await manage("POST", `/sources/${source.id}/keys`);
  return { id: String(source.id), keyId: String(key.id), headers: { authorization: basic(String(key.write_key)) } };
}

const letterOf = (id: string) =>
  eventually(async () => {
    const { body } = await manage("GET", "/dlq?limit=1000");
    const letter = (body.letters as Record<string, unknown>[]).find(({ message_id }) => message_id === id);
    expect(letter).toBeDefined();
    return letter as Record<string, unknown>;
  });

/** One case for each row of the contract that the ingest door has to keep, against the system as `npm start` runs it. */
const ROWS: [row: string, guarantee: string, holds: () => Promise<unknown>][] = [
  [
    "I-01",
    "a single event is answered 200 with its id, and a repeat says that it is one",
    async () => {
      const event = anEvent();
      const taken = { success: true, message_id: event.messageId };
      expect(await post("/track", event)).toEqual({ status: 200, body: taken });
      expect(await post("/v1/track", event)).toEqual({ status: 200, body: { ...taken, duplicate: true } });
      expect(await post("/track", anEvent({ event: undefined }))).toMatchObject({
        status: 400,
        body: { field: "event" },
      });
      await isStoredOnce(event.messageId);
    },
  ],
  [
    "I-02",
    "a batch is 200 with a verdict for each refused event, also when all are refused, and whole refusals are for key, size and JSON",
    async () => {
      const [good, bad] = [anEvent(), anEvent({ event: 5 })];
      const rejected = { index: 1, message_id: bad.messageId, code: "validation_failed", field: "event" };
      expect(await post("/batch", { batch: [good, bad, good] })).toMatchObject({
        status: 200,
        body: { success: true, accepted: 1, duplicates: 1, rejected: [rejected] },
      });
      expect(await post("/batch", { batch: [{}, 5] })).toMatchObject({ status: 200, body: { accepted: 0 } });
      expect((await post("/batch", "{")).status).toBe(400);
      expect((await post("/batch", { batch: [] }, { authorization: basic("wk_wrong") })).status).toBe(401);
      await isStoredOnce(good.messageId);
    },
  ],
  [
    "I-03",
    "identify, page, group, screen and alias are taken; a group needs groupId, an alias an old id, every call a person",
    async () => {
      const person = { userId: "u1", messageId: undefined, event: undefined, anonymousId: undefined };
      for (const [path, fields] of [
        ["/identify", {}],
        ["/page", {}],
        ["/screen", {}],
        ["/group", { groupId: "g" }],
        ["/alias", { previousId: "p" }],
      ] as const) {
        expect((await post(path, anEvent({ ...person, ...fields }))).status).toBe(200);
        const nobody = await post(path, anEvent({ ...person, ...fields, userId: undefined }));
        expect(nobody).toMatchObject({ status: 400, body: { field: "userId" } });
      }
      expect(await post("/group", anEvent(person))).toMatchObject({ status: 400, body: { field: "groupId" } });
      expect(await post("/alias", anEvent(person))).toMatchObject({ status: 400, body: { field: "previousId" } });
    },
  ],
  [
    "I-04",
    "health touches nothing and ready shows the state of each dependency",
    async () => {
      expect(await (await fetch(at("/health"))).json()).toEqual({ status: "ok", success: true });
      const ready = await fetch(at("/ready"));
      expect([ready.status, await ready.json()]).toEqual([
        200,
        { status: "ok", success: true, checks: { stream: "ok", spill: "ok", database: "ok", cache: "ok" } },
      ]);
    },
  ],
  [
    "I-05",
    "a key holds from its making to its revoking, and a disabled source is 401",
    async () => {
      const { id, keyId, headers } = await aSource();
      expect((await post("/track", anEvent(), headers)).status).toBe(200);
      await manage("PATCH", `/sources/${id}`, { enabled: false });
      await eventually(async () => expect((await post("/track", anEvent(), headers)).status).toBe(401), 10_000);
      await manage("PATCH", `/sources/${id}`, { enabled: true });
      await eventually(async () => expect((await post("/track", anEvent(), headers)).status).toBe(200), 10_000);
      await manage("DELETE", `/sources/${id}/keys/${keyId}`);
      await eventually(async () => expect((await post("/track", anEvent(), headers)).status).toBe(401), 10_000);
    },
  ],
  [
    "I-06",
    "an event above 100 KB and a batch above 1,024 KB are 413, plain or compressed; a large item of a batch is refused alone",
    async () => {
      const text = (bytes: number) => ({ text: Buffer.alloc(bytes, "lorem ipsum ").toString() });
      const large = anEvent({ properties: text(101 * 1_024) });
      expect((await post("/track", large)).status).toBe(413);
      const gzip = { authorization: basic(LOCAL.writeKey), "content-encoding": "gzip" };
      expect((await post("/track", gzipSync(JSON.stringify(large)), gzip)).status).toBe(413);
      const small = anEvent();
      expect((await post("/batch", { batch: [large, small] })).body).toMatchObject({
        accepted: 1,
        rejected: [{ index: 0, code: "payload_too_large" }],
      });
      const many = Array.from({ length: 12 }, () => anEvent({ properties: text(90 * 1_024) }));
      expect((await post("/batch", { batch: many })).status).toBe(413);
      expect(await letterOf(large.messageId)).toMatchObject({ code: "payload_too_large", stage: "parse" });
    },
  ],
  [
    "I-07",
    "requests beyond a source's own limit are 429 with Retry-After and what is left, and a day's limit counts events",
    async () => {
      const burst = await aSource({ limits: { window_requests_max: 3, day_events_max: null } });
      const answers = await Promise.all(
        Array.from({ length: 6 }, async () => {
          const answer = await fetch(at("/track"), {
            method: "POST",
            headers: burst.headers,
            body: JSON.stringify(anEvent()),
          });
          const { headers } = answer;
          return [answer.status, headers.get("ratelimit-limit"), Number(headers.get("retry-after"))] as const;
        }),
      );
      expect(answers.filter(([status]) => status === 200)).toHaveLength(3);
      const limited = answers.filter(([status]) => status === 429);
      expect(limited).toHaveLength(3);
      for (const [, limit, seconds] of limited) {
        expect(limit).toBe("3");
        expect(seconds >= 5 && seconds <= 60).toBe(true);
      }
      const day = await aSource({ limits: { window_requests_max: null, day_events_max: 2 } });
      expect((await post("/batch", { batch: [anEvent(), anEvent()] }, day.headers)).status).toBe(200);
      expect((await post("/track", anEvent(), day.headers)).body.code).toBe("rate_limited");
    },
  ],
  [
    "I-08",
    "the server's time is received_at, and a wrong clock of the client is corrected by its own sentAt",
    async () => {
      const ahead = Date.now() + 2 * HOUR_MS;
      const event = anEvent({ timestamp: iso(ahead - 60_000), sentAt: iso(ahead) });
      await post("/track", event);
      const [row] = await storedRow(
        event.messageId,
        "date_diff('second', timestamp, received_at), toUnixTimestamp64Milli(assumeNotNull(original_timestamp)), warnings",
      );
      expect(row).toEqual([60, ahead - 60_000, "clock_skew"]);
    },
  ],
  [
    "I-09",
    "an event sent more than 24 hours ago is 422, is not stored, and is kept with the dead letters; its source may switch that off",
    async () => {
      const old = () => anEvent({ sentAt: iso(Date.now() - 25 * HOUR_MS) });
      const late = old();
      expect(await post("/track", late)).toMatchObject({ status: 422, body: { code: "late_event" } });
      expect(await letterOf(late.messageId)).toMatchObject({ code: "late_event", stage: "late" });
      const { headers } = await aSource({ late_check: false });
      const taken = old();
      expect((await post("/track", taken, headers)).status).toBe(200);
      await isStoredOnce(taken.messageId);
      expect(await sql(`SELECT count() FROM events WHERE message_id = '${late.messageId}'`)).toEqual([[0]]);
    },
  ],
  [
    "I-10",
    "a repeat is a duplicate, in an import it has claims of its own, and it is stored once all the same",
    async () => {
      const event = anEvent();
      await post("/track", event);
      expect((await post("/batch", { batch: [event, event] })).body).toMatchObject({ accepted: 0, duplicates: 2 });
      expect((await post("/import", { batch: [event] })).body).toMatchObject({ accepted: 1, duplicates: 0 });
      expect((await post("/import", [event])).body).toMatchObject({ accepted: 0, duplicates: 1 });
      const later = anEvent();
      await post("/track", later);
      await isStoredOnce(later.messageId);
      await isStoredOnce(event.messageId);
    },
  ],
  [
    "I-11",
    "names become flat and snake_case, lists stay whole, and two paths that meet are refused with their field",
    async () => {
      const event = anEvent({ event: "Flat", properties: { iPhone: { "Serial No": 1 }, tags: ["a", "b"] } });
      await post("/track", event);
      expect(await storedRow(event.messageId, "toString(properties)")).toEqual([
        ['{"i_phone_serial_no":1,"tags":["a","b"]}'],
      ]);
      const meeting = await post("/track", anEvent({ properties: { a: { b: 1 }, a_b: 2 } }));
      expect(meeting).toMatchObject({ status: 400, body: { code: "flatten_conflict", field: "properties.a_b" } });
    },
  ],
  [
    "I-12",
    "the first type of a property is its type: another is 400 with the field and a dead letter, until it is reset",
    async () => {
      const name = `Typed ${randomUUID()}`;
      const typed = (price: unknown) => anEvent({ event: name, properties: { price } });
      expect((await post("/track", typed("12"))).status).toBe(200);
      const wrong = typed(12);
      expect(await post("/track", wrong)).toMatchObject({
        status: 400,
        body: { code: "schema_conflict", field: "properties.price" },
      });
      await letterOf(wrong.messageId);
      const reset = await manage("POST", "/schemas/reset", { key: `track:${name}`, property: "properties.price" });
      expect(reset).toMatchObject({
        status: 200,
        body: { reset: true, replay: { filter: { code: "schema_conflict" } } },
      });
      await eventually(async () => expect((await post("/track", typed(13))).status).toBe(200), 10_000);
    },
  ],
  [
    "I-13",
    "the events of one anonymous id lie on one shard, in their order",
    async () => {
      const anonymousId = randomUUID();
      for (let n = 0; n < 10; n++) await post("/track", anEvent({ anonymousId, properties: { n } }));
      await eventually(async () => {
        const rows = await sql(
          `SELECT uniqExact(_shard), groupArray(n) FROM (SELECT _shard, toUInt32(properties.n) AS n FROM events
           WHERE anonymous_id = '${anonymousId}' ORDER BY _seq, _sub)`,
        );
        expect(rows).toEqual([[1, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]]]);
      });
    },
  ],
  [
    "I-14",
    "what was answered 200 is durable: the stream has it when the doors die at once",
    async () => {
      const event = anEvent();
      expect((await post("/track", event)).status).toBe(200);
      process.kill(system.running().children.doors ?? 0, "SIGKILL");
      await isStoredOnce(event.messageId);
      await eventually(async () => expect((await fetch(at("/health"))).status).toBe(200));
    },
  ],
  [
    "I-15",
    "a good event goes to the table, a bad one to the dead letters, and a mended one back to the table",
    async () => {
      const bad = anEvent({ properties: { a: 1, A: 2 } });
      await post("/track", bad);
      const letter = await letterOf(bad.messageId);
      const payload = { ...bad, properties: { a: 1 } };
      expect((await manage("POST", `/dlq/${letter.id}/replay`, { payload })).status).toBe(202);
      await isStoredOnce(bad.messageId);
    },
  ],
  [
    "I-16",
    "a dead letter says whose it is, why, where and which attempt, and holds the event as it was sent",
    async () => {
      const bad = anEvent({ properties: { ok: 1 }, userId: { not: "an id" } });
      await post("/track", bad);
      const { id } = await letterOf(bad.messageId);
      const { body } = await manage("GET", `/dlq/${id}`);
      expect(body).toMatchObject({
        message_id: bad.messageId,
        code: "validation_failed",
        field: "userId",
        stage: "validate",
        attempt: 1,
        payload: expect.stringContaining('"not":"an id"'),
        trace: expect.any(String),
      });
    },
  ],
  [
    "I-17",
    "dead letters are replayed by filter, never change, and one that fails again comes back as another attempt",
    async () => {
      const name = `Dead ${randomUUID()}`;
      const bad = anEvent({ event: name, properties: { a: 1, A: 2 } });
      await post("/track", bad);
      const letter = await letterOf(bad.messageId);
      const replay = await manage("POST", "/dlq/replay", { filter: { event: name } });
      expect(replay).toMatchObject({ status: 202, body: { count: 1 } });
      await eventually(async () => {
        const { body } = await manage("GET", `/dlq?event=${encodeURIComponent(name)}`);
        const attempts = (body.letters as { attempt: number; id: string }[]).map(({ attempt }) => attempt);
        expect(attempts.toSorted()).toEqual([1, 2]);
      });
      const { body } = await manage("GET", `/dlq/${letter.id}`);
      expect(body).toMatchObject({ id: letter.id, attempt: 1, code: "flatten_conflict" });
    },
  ],
  [
    "I-23",
    "after SIGTERM what is in flight is still answered, and whatever was answered is stored",
    async () => {
      const events = Array.from({ length: 60 }, () => anEvent({ properties: { text: "x".repeat(20_000) } }));
      const answers = events.map((event) => post("/track", event).catch(() => undefined));
      await Promise.race(answers);
      process.kill(system.running().children.doors ?? 0, "SIGTERM");
      const taken = (await Promise.all(answers)).flatMap((answer, at) =>
        answer?.status === 200 ? [events[at]?.messageId ?? ""] : [],
      );
      expect(taken.length).toBeGreaterThan(0);
      for (const id of taken) await isStoredOnce(id);
      await eventually(async () => expect((await fetch(at("/health"))).status).toBe(200));
    },
  ],
  [
    "I-24",
    "each request is one line with who, what and how long; a refused event's payload is there, a key never",
    async () => {
      const { headers, id } = await aSource();
      const [good, bad] = [
        anEvent({ properties: { canary: randomUUID() } }),
        anEvent({ event: "", canary: randomUUID() }),
      ];
      await post("/track", good, headers);
      await post("/track", bad, headers);
      const log = await eventually(async () => {
        const text = readFileSync(join(system.dataDir(), "logs", "doors.log"), "utf8");
        expect(text).toContain(bad.messageId);
        return text;
      });
      const lines = log.split("\n").filter((line) => line.includes(`"source_id":"${id}"`));
      expect(lines.map((line) => JSON.parse(line))).toMatchObject([
        {
          workspace_id: LOCAL.workspaceId,
          message_id: good.messageId,
          event_type: "track",
          status_code: 200,
          duration_ms: expect.any(Number),
        },
        {
          source_id: id,
          status_code: 400,
          rejected: [{ code: "validation_failed", payload: expect.stringContaining(bad.messageId) }],
        },
      ]);
      expect(log).not.toContain(good.properties.canary);
      expect(log).not.toContain(Buffer.from(headers.authorization.slice(6), "base64").toString().slice(0, -1));
    },
  ],
  [
    "I-25",
    "each kind of mistake has its status, for one event as for a request",
    async () => {
      const statuses = {
        400: await post("/track", anEvent({ event: 5 })),
        401: await post("/track", anEvent(), { authorization: basic("wk_wrong") }),
        404: await post("/nothing", {}),
        413: await post("/track", "x".repeat(200_000)),
        422: await post("/track", anEvent({ sentAt: iso(Date.now() - 48 * HOUR_MS) })),
      };
      for (const [status, answer] of Object.entries(statuses)) expect(answer.status).toBe(Number(status));
      expect((await manage("GET", "/sources/00000000-0000-4000-8000-00000000dead")).status).toBe(404);
      const limited = await aSource({ limits: { window_requests_max: 1, day_events_max: null } });
      await post("/track", anEvent(), limited.headers);
      expect(await post("/track", anEvent(), limited.headers)).toMatchObject({
        status: 429,
        body: { code: "rate_limited" },
      });
      const domains = [`${randomUUID()}.example.com`];
      await aSource({ domains });
      expect(await manage("POST", "/sources", { name: "Second", domains })).toMatchObject({
        status: 409,
        body: { code: "conflict" },
      });
    },
  ],
  [
    "I-26",
    "the door of questions takes no event, and an API token opens no ingest door",
    async () => {
      const event = anEvent();
      for (const path of ["/track", "/v1/batch", "/v1/import"])
        expect((await manage("POST", path, event)).status).toBe(404);
      expect((await post("/track", event, { authorization: `Bearer ${LOCAL.apiToken}` })).status).toBe(401);
      expect(await sql(`SELECT 1 FROM events WHERE message_id = '${event.messageId}'`)).toEqual([]);
    },
  ],
  [
    "I-27",
    "the tables of ingestion are in Postgres",
    async () => {
      const { openPostgres } = await import("../../stores/postgres/client.ts");
      const { sql: raw } = await import("drizzle-orm");
      const { db, close } = openPostgres(system.running().postgresUrl);
      const rows = await db.execute(
        raw`select table_name from information_schema.tables where table_schema = 'public'`,
      );
      await close();
      expect(rows.map(({ table_name }) => table_name)).toEqual(
        expect.arrayContaining([
          "workspaces",
          "sources",
          "write_keys",
          "destinations",
          "functions",
          "schemas",
          "profiles",
        ]),
      );
    },
  ],
  [
    "I-29",
    "the doors have the ports that the services had",
    async () => expect(DOOR_PORTS).toMatchObject({ ingest: { port: 3049 }, api: { port: 4000 } }),
  ],
  [
    "I-30",
    "the codes of errors are stable",
    async () =>
      expect(HTTP_STATUS).toMatchObject({
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
      }),
  ],
  [
    "I-31",
    "key answers before size, size before rate, rate before what is wrong with the event",
    async () => {
      const large = "x".repeat(200_000);
      expect((await post("/track", large, { authorization: basic("wk_wrong") })).status).toBe(401);
      const { headers } = await aSource({ limits: { window_requests_max: 1, day_events_max: null } });
      expect((await post("/track", anEvent(), headers)).status).toBe(200);
      expect((await post("/track", large, headers)).status).toBe(413);
      expect((await post("/track", "{", headers)).status).toBe(400);
      expect((await post("/track", anEvent({ event: 5 }), headers)).status).toBe(429);
    },
  ],
  [
    "I-32",
    "what is asked of the manage door has a schema, and what breaks it is named by its field",
    async () => {
      for (const [method, path, body, field] of [
        ["POST", "/sources", { name: 5 }, "name"],
        ["POST", "/sources", { name: "A", colour: "red" }, "colour"],
        ["PUT", "/tracking-plan", { mode: "maybe", unplanned: "allow", events: [] }, "mode"],
        ["POST", "/dlq/replay", { filter: { code: 5 } }, "filter.code"],
        ["POST", "/tokens", { name: "A", scopes: ["sources:own"] }, "scopes.0"],
      ] as const)
        expect(await manage(method, path, body)).toMatchObject({
          status: 400,
          body: { code: "validation_failed", field },
        });
    },
  ],
  [
    "S-1",
    "a taken event or batch is exactly 200 and a JSON object",
    async () => {
      for (const [path, body] of [
        ["/v1/track", anEvent()],
        ["/v1/batch", { batch: [] }],
        ["/v1/import", [anEvent()]],
        ["/m", {}],
      ] as const) {
        const answer = await fetch(at(path), {
          method: "POST",
          headers: { authorization: basic(LOCAL.writeKey) },
          body: JSON.stringify(body),
        });
        expect(answer.status).toBe(200);
        expect(answer.headers.get("content-type")).toMatch(/^application\/json/);
        expect(await answer.json()).toMatchObject({ success: true });
      }
    },
  ],
  [
    "S-2",
    "an error has error, code, message and request_id, and error is message",
    async () => {
      const answers = [
        await post("/track", "{"),
        await post("/track", anEvent(), { authorization: basic("wk_wrong") }),
        await post("/nowhere", {}),
        await post("/track", "x".repeat(200_000)),
      ];
      for (const { body } of answers) {
        expect(body).toMatchObject({
          code: expect.any(String),
          message: expect.any(String),
          request_id: expect.any(String),
        });
        expect(body.error).toBe(body.message);
      }
    },
  ],
  [
    "S-3",
    "Retry-After is an integer of 5 to 60 s, and not the same for all",
    async () => {
      const { headers } = await aSource({ limits: { window_requests_max: 1, day_events_max: null } });
      const waits = await Promise.all(
        Array.from({ length: 40 }, async () =>
          (await fetch(at("/batch"), { method: "POST", headers, body: '{"batch":[]}' })).headers.get("retry-after"),
        ),
      );
      const given = waits.filter((wait) => wait !== null);
      expect(given.length).toBeGreaterThan(30);
      for (const wait of given) expect(wait).toMatch(/^(?:[5-9]|[1-5]\d|60)$/);
      expect(new Set(given).size).toBeGreaterThan(1);
    },
  ],
  [
    "S-4",
    "a batch of 512,000 bytes is taken, also compressed",
    async () => {
      const filler = Array.from({ length: 550 }, (_, n) =>
        anEvent({ properties: { text: `${n}`.repeat(1_000).slice(0, 800) } }),
      );
      const body = JSON.stringify({ batch: filler });
      expect(Buffer.byteLength(body)).toBeGreaterThan(512_000);
      expect((await post("/batch", body)).body).toMatchObject({ accepted: 550, rejected: [] });
      const gzip = { authorization: basic(LOCAL.writeKey), "content-encoding": "gzip" };
      expect((await post("/batch", gzipSync(body), gzip)).body).toMatchObject({ duplicates: 550, rejected: [] });
    },
  ],
  [
    "S-5",
    "the content type is never asked, gzip is honoured with any, and a body without a length works",
    async () => {
      for (const type of ["text/plain", "application/x-www-form-urlencoded", "nonsense"]) {
        const headers = { authorization: basic(LOCAL.writeKey), "content-type": type };
        expect((await post("/track", anEvent(), headers)).status).toBe(200);
        const packed = gzipSync(JSON.stringify(anEvent()));
        expect((await post("/track", packed, { ...headers, "content-encoding": "gzip" })).status).toBe(200);
      }
      const stream = new ReadableStream({
        start(controller) {
          controller.enqueue(Buffer.from(JSON.stringify(anEvent())));
          controller.close();
        },
      });
      const chunked = {
        method: "POST",
        headers: { authorization: basic(LOCAL.writeKey) },
        body: stream,
        duplex: "half",
      };
      expect((await fetch(at("/track"), chunked as RequestInit)).status).toBe(200);
    },
  ],
  [
    "S-6",
    "a key is taken from Basic, Bearer, header, query, body, first event, or the domain of the page; a masked one is none",
    async () => {
      const key = LOCAL.writeKey;
      const domain = `${randomUUID()}.example`;
      await aSource({ domains: [domain] });
      const found: [string, unknown, Record<string, string>][] = [
        ["/track", anEvent(), { authorization: basic(key) }],
        ["/track", anEvent(), { authorization: `Bearer ${key}` }],
        ["/track", anEvent(), { "x-write-key": key, authorization: "Basic Kioq" }],
        [`/track?writeKey=${key}`, anEvent(), {}],
        [`/track?writekey=${key}`, anEvent(), {}],
        ["/track", anEvent({ writeKey: key }), {}],
        ["/batch", { batch: [anEvent({ writeKey: key })] }, {}],
        ["/track", anEvent({ writeKey: "id:***" }), { origin: `https://${domain}` }],
      ];
      for (const [path, body, headers] of found) expect((await post(path, body, headers)).status, path).toBe(200);
      expect((await post("/track", anEvent({ writeKey: "id:***" }), {})).status).toBe(401);
    },
  ],
  [
    "S-7",
    "a preflight is 204 with everything echoed, and errors carry the headers too",
    async () => {
      const origin = "https://shop.example";
      const asked = {
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,sentat",
      };
      const preflight = await fetch(at("/v1/page"), { method: "OPTIONS", headers: { origin, ...asked } });
      expect([preflight.status, preflight.headers.get("access-control-allow-headers")]).toEqual([
        204,
        "authorization,sentat",
      ]);
      const refused = await fetch(at("/v1/page"), { method: "POST", headers: { origin }, body: "{" });
      expect([refused.status, refused.headers.get("access-control-allow-origin")]).toEqual([401, origin]);
    },
  ],
  [
    "S-8 K-33",
    "Segment's settings come from the path alone, also for an unknown key",
    async () => {
      const { host } = new URL(at("/"));
      for (const path of ["/v1/projects/nobody/settings", "/projects/nobody/settings/"]) {
        const answer = await fetch(at(path));
        expect([answer.status, await answer.json()]).toEqual([
          200,
          { integrations: { "Segment.io": { apiKey: "nobody", apiHost: `${host}/v1`, protocol: "http" } } },
        ]);
      }
    },
  ],
  [
    "S-9 K-34",
    "RudderStack's source config comes from the request alone",
    async () => {
      const answer = await fetch(at("/sourceConfig/?p=npm&writeKey=nobody"));
      expect(await answer.json()).toMatchObject({ source: { id: "nobody", enabled: true, destinations: [] } });
    },
  ],
  [
    "S-10",
    "what is wrong for ever is never a status that clients repeat",
    async () => {
      const forEver = [
        await post("/track", "{"),
        await post("/track", anEvent({ event: 5 })),
        await post("/track", anEvent({ sentAt: iso(Date.now() - 48 * HOUR_MS) })),
        await post("/track", "x".repeat(200_000)),
        await post("/track", anEvent(), { authorization: basic("wk_wrong") }),
      ];
      for (const { status } of forEver) {
        expect(status).toBeGreaterThanOrEqual(400);
        expect(status).toBeLessThan(500);
        expect([408, 410, 429, 460]).not.toContain(status);
      }
    },
  ],
  [
    "S-11",
    "ids may be null, empty or numbers; time may be originalTimestamp; sentAt a header; traits in the context",
    async () => {
      const at = Date.now() - 60_000;
      const event = {
        type: "identify",
        userId: 42,
        anonymousId: null,
        messageId: randomUUID(),
        originalTimestamp: iso(at),
        context: { traits: { plan: "pro" } },
      };
      const headers = { authorization: basic(LOCAL.writeKey), sentat: iso(at + 1_000) };
      expect((await post("/v1/identify", event, headers)).status).toBe(200);
      expect(
        await storedRow(
          event.messageId,
          "user_id, anonymous_id, toUnixTimestamp64Milli(assumeNotNull(original_timestamp)), toUnixTimestamp64Milli(assumeNotNull(sent_at)), toString(traits.plan)",
        ),
      ).toEqual([["42", "", at, at + 1_000, "pro"]]);
      expect((await post("/track", anEvent({ userId: "" }))).status).toBe(200);
    },
  ],
  [
    "S-12",
    "a key, _metadata and integrations never reach the table",
    async () => {
      const secret = `wk_${randomUUID()}`;
      const event = anEvent({
        writeKey: `${secret}:***`,
        _metadata: { secret },
        integrations: { secret },
        context: { app: { name: "a" } },
      });
      await post("/track", event);
      const [[row] = []] = await storedRow(event.messageId, "toJSONString(tuple(*))");
      expect(String(row)).toContain(event.messageId);
      expect(String(row)).not.toContain(secret);
    },
  ],
  [
    "S-13",
    "a date that is not ISO 8601 is a warning and received_at, never a refusal of its batch",
    async () => {
      const event = anEvent({ timestamp: "Nov 18, 2021, 2:45:07 PM" });
      expect((await post("/batch", { batch: [event] })).body).toMatchObject({ accepted: 1, rejected: [] });
      expect(await storedRow(event.messageId, "timestamp = received_at, isNull(original_timestamp), warnings")).toEqual(
        [[1, 1, "bad_timestamp"]],
      );
    },
  ],
  [
    "S-14",
    "calls that arrive out of order are read in the order in which they happened",
    async () => {
      const name = `Ordered ${randomUUID()}`;
      const first = Date.now() - 10_000;
      for (const n of [3, 1, 2])
        await post("/track", anEvent({ event: name, timestamp: iso(first + n), properties: { n } }));
      await eventually(async () => {
        const filters = [{ field: "event", op: "eq", value: name }];
        const { body } = await manage("POST", "/query/events", { table: "events_track", filters, order: "asc" });
        expect((body.rows as { properties: { n: number } }[]).map(({ properties }) => properties.n)).toEqual([1, 2, 3]);
      });
    },
  ],
  [
    "B-04",
    "what happened to a message id is told in words, for each thing that can happen",
    async () => {
      const [good, bad] = [anEvent(), anEvent({ properties: { a: 1, A: 2 } })];
      await post("/track", good);
      await post("/track", good);
      await post("/track", bad);
      const trace = async ({ messageId }: { messageId: string }) =>
        (await manage("GET", `/events/${messageId}/trace`)).body;
      await eventually(async () => {
        const steps = ((await trace(good)).steps as { outcome: string }[]).map(({ outcome }) => outcome);
        expect(steps).toEqual(expect.arrayContaining(["accepted", "duplicate", "stored"]));
        expect(JSON.stringify(await trace(bad))).toContain("flatten_conflict");
      });
      expect(await trace(anEvent())).toMatchObject({ found: false });
    },
  ],
  [
    "B-11",
    "a tracking plan blocks, quarantines or warns, from within seconds of its saving",
    async () => {
      const name = (mode: string) => `Planned ${mode} ${randomUUID()}`;
      const [block, quarantine, warn] = ["block", "quarantine", "warn"].map(name) as [string, string, string];
      const schema = { type: "object", required: ["orderId"], properties: { orderId: { type: "string" } } };
      const events = [
        { type: "track", event: block, schema, mode: "block" },
        { type: "track", event: quarantine, schema, mode: "quarantine" },
        { type: "track", event: warn, schema, mode: "warn" },
      ];
      expect((await manage("PUT", "/tracking-plan", { mode: "warn", unplanned: "allow", events })).status).toBe(200);
      await eventually(async () => {
        const answer = await post("/track", anEvent({ event: block }));
        expect(answer).toMatchObject({ status: 400, body: { code: "plan_violation", field: "properties.orderId" } });
      }, 10_000);
      const kept = anEvent({ event: quarantine });
      expect(await post("/track", kept)).toMatchObject({ status: 200, body: { quarantined: true } });
      expect(await letterOf(kept.messageId)).toMatchObject({ code: "plan_violation", stage: "plan" });
      const warned = anEvent({ event: warn });
      await post("/track", warned);
      expect(await storedRow(warned.messageId, "warnings")).toEqual([["plan_violation"]]);
      expect((await post("/track", anEvent({ event: block, properties: { orderId: "1" } }))).status).toBe(200);
      await manage("DELETE", "/tracking-plan");
    },
  ],
  [
    "B-12",
    "a suppressed person's events are successes that nobody stores, until the suppression ends",
    async () => {
      const userId = `user ${randomUUID()}`;
      expect((await manage("POST", `/users/${encodeURIComponent(userId)}/suppress`)).status).toBe(200);
      await eventually(async () => {
        expect((await post("/track", anEvent({ userId }))).body).toMatchObject({ success: true, suppressed: true });
      }, 10_000);
      await manage("DELETE", `/users/${encodeURIComponent(userId)}/suppress`);
      await eventually(async () => {
        expect((await post("/track", anEvent({ userId }))).body).not.toHaveProperty("suppressed");
      }, 10_000);
    },
  ],
];

const DOORS_DIE: ReadonlySet<string> = new Set(["I-14", "I-23"]);

test.concurrent.each(ROWS.filter(([row]) => !DOORS_DIE.has(row)))("%s %s", async (_row, _guarantee, holds) => {
  await holds();
});

test.each(ROWS.filter(([row]) => DOORS_DIE.has(row)))("%s %s", async (_row, _guarantee, holds) => {
  await holds();
});

test("npm run status tells how far the writer is behind, what it stored, what waits, and why events were refused", async () => {
  const command = fileURLToPath(new URL("../../../stacks/local/commands/status.ts", import.meta.url));
  const run = (...args: string[]) =>
    execFileSync(process.execPath, [command, ...args], {
      env: { ...process.env, MILLRACE_DATA: system.dataDir() },
      encoding: "utf8",
    });
  await post("/track", anEvent());
  await post("/track", anEvent({ event: 5 }));
  await eventually(async () => {
    const status = JSON.parse(run("--json"));
    expect(status.consumers.map(({ name }: { name: string }) => name)).toContain("deliver");
    for (const { shards } of status.consumers)
      for (const { records } of shards as { records: number }[]) expect(records).toBe(0);
    expect(status.queues.map(({ name }: { name: string }) => name)).toEqual(expect.arrayContaining(["dlq", "retry"]));
    expect(status.writer.rows).toBeGreaterThan(0);
    expect(status.writer.letters).toContainEqual(expect.objectContaining({ code: "validation_failed" }));
    expect(status.workers).toMatchObject({
      events: { stored: expect.any(Number) },
      inserts: { max: expect.any(Number) },
    });
  });
  expect(run()).toMatch(/deliver\s+shardId-\d+\s+0 behind/);
  const metrics = await (await fetch(`${system.running().workersUrl}/metrics`)).text();
  expect(metrics).toMatch(/^millrace_consumer_behind_seconds\{consumer="archive",shard="shardId-\d+"\} \d/m);
  expect(metrics).toMatch(/^millrace_events_parts [1-9]/m);
});
