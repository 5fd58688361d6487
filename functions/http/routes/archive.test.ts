import { Hono } from "hono";
import { expect, test } from "vitest";
import type { ReplayPlace } from "../../deliver/archive-replay.ts";
import { HOUR, NOW, SOURCE, seqOf, WORKSPACE } from "../../testing/builders.ts";
import { answerError } from "../answer-error.ts";
import type { DoorVars } from "../vars.ts";
import { archiveRoutes } from "./archive.ts";

const PLACE: ReplayPlace = {
  replayId: "019a0000-0000-7000-8000-000000000001",
  hour: NOW,
  stream: "events",
  shard: "shardId-000000000000",
  seq: seqOf(7),
};
const RANGE = { from: "2026-11-21T12:00:00Z", to: "2026-11-21T13:00:00Z" };

/** The routes as behind their guards; `asked` collects what reached the archive. `next` is where its calls end. */
function aDoor(scopes: string[], next?: ReplayPlace) {
  const asked: unknown[][] = [];
  const app = new Hono<DoorVars>({ strict: false });
  app.onError(answerError);
  app.use(async (c, go) => {
    c.set("workspaceId", WORKSPACE);
    c.set("scopes", scopes);
    await go();
  });
  app.route(
    "/",
    archiveRoutes({
      hours: async (...args) => {
        asked.push(args);
        return { hours: [{ hour: NOW, objects: 1, records: 2, events: 3, bytes: 4 }], next: next && NOW };
      },
      replay: async (...args) => {
        asked.push(args);
        return { replayId: PLACE.replayId, events: 3, records: 2, skipped: 1, next };
      },
      now: () => NOW,
    }),
  );
  const call = async (path: string, body?: object) => {
    const answer = await app.request(path, body && { method: "POST", body: JSON.stringify(body) });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  return { call, asked };
}

const ROUTES: [path: string, body: object | undefined, scope: string, status: number][] = [
  ["/archive", undefined, "dlq:read", 200],
  ["/archive/", undefined, "dlq:read", 200],
  ["/archive/replay", RANGE, "dlq:write", 202],
  ["/archive/replay/", RANGE, "dlq:write", 202],
  ["/archive/replay", { ...RANGE, dry_run: true }, "dlq:write", 200],
];

test.each(ROUTES)("%s %j needs %s, and asks for the caller's workspace only", async (path, body, scope, status) => {
  const allowed = aDoor([scope]);
  expect((await allowed.call(path, body)).status).toBe(status);
  expect(allowed.asked.map(([workspaceId]) => workspaceId)).toEqual([WORKSPACE]);
  const refused = aDoor(["dlq:read", "live:write", "privacy:write"].filter((one) => one !== scope));
  expect(await refused.call(path, body)).toMatchObject({ status: 403, body: { code: "forbidden" } });
  expect(refused.asked).toEqual([]);
});

test("the list says what each hour has, of the last 7 days where nothing else is asked", async () => {
  const { call, asked } = aDoor(["*"]);
  expect((await call("/archive")).body).toEqual({
    hours: [{ hour: "2026-11-21T12:00:00.000Z", objects: 1, records: 2, events: 3, bytes: 4 }],
    next_cursor: null,
  });
  expect(asked[0]?.[1]).toEqual({ from: NOW - 7 * 24 * HOUR, to: NOW, before: undefined, limit: 24 });
});

test("a list is gone on with by its cursor", async () => {
  const { call, asked } = aDoor(["*"], PLACE);
  const { body } = await call("/archive?from=2026-11-01&to=2026-11-22&limit=1");
  await call(`/archive?limit=1&cursor=${body.next_cursor}`);
  expect(asked.map(([, given]) => given)).toMatchObject([
    { from: Date.UTC(2026, 10, 1), to: Date.UTC(2026, 10, 22), limit: 1 },
    { before: NOW, limit: 1 },
  ]);
});

test("a replay says what was sent, and is gone on with by its cursor, under its id", async () => {
  const { call, asked } = aDoor(["*"], PLACE);
  const { body } = await call("/archive/replay", { ...RANGE, source_id: SOURCE.toUpperCase() });
  expect(body).toEqual({
    replay_id: PLACE.replayId,
    events: 3,
    records: 2,
    skipped: 1,
    truncated: true,
    next_cursor: expect.any(String),
  });
  await call("/archive/replay", { ...RANGE, cursor: body.next_cursor });
  expect(asked.map(([, given]) => given)).toEqual([
    { from: NOW, to: NOW + HOUR, sourceId: SOURCE, dryRun: false, after: undefined },
    { from: NOW, to: NOW + HOUR, sourceId: undefined, dryRun: false, after: PLACE },
  ]);
});

test("a dry run has no id, and says that it is one", async () => {
  const { call } = aDoor(["*"]);
  expect((await call("/archive/replay", { ...RANGE, dry_run: true })).body).toEqual({
    dry_run: true,
    events: 3,
    records: 2,
    skipped: 1,
    truncated: false,
    next_cursor: null,
  });
});

const cursor = (...texts: string[]) => Buffer.from(JSON.stringify(texts)).toString("base64url");
test.each<[string, object | undefined, string]>([
  ["/archive/replay", {}, "from"],
  ["/archive/replay", { from: RANGE.from }, "to"],
  ["/archive/replay", { from: RANGE.to, to: RANGE.from }, "to"],
  ["/archive/replay", { from: RANGE.from, to: RANGE.from }, "to"],
  ["/archive/replay", { from: "yesterday", to: RANGE.to }, "from"],
  ["/archive/replay", { ...RANGE, source_id: "shop" }, "source_id"],
  ["/archive/replay", { ...RANGE, sourceid: SOURCE }, "sourceid"],
  ["/archive/replay", { ...RANGE, cursor: "x" }, "cursor"],
  ["/archive/replay", { ...RANGE, cursor: cursor("r", "1", "events", "shard", "7") }, "cursor"],
  ["/archive/replay", { ...RANGE, cursor: cursor(PLACE.replayId, "1", "events", "shard", "seven") }, "cursor"],
  ["/archive?limit=0", undefined, "limit"],
  ["/archive?limit=169", undefined, "limit"],
  ["/archive?cursor=x", undefined, "cursor"],
  [`/archive?cursor=${cursor("-1")}`, undefined, "cursor"],
  ["/archive?source_id=x", undefined, "source_id"],
])("%s %j is a 400 that names %s, and nothing is asked", async (path, body, field) => {
  const { call, asked } = aDoor(["*"]);
  expect(await call(path, body)).toMatchObject({ status: 400, body: { code: "validation_failed", field } });
  expect(asked).toEqual([]);
});
