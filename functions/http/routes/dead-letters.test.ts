import { Hono } from "hono";
import { expect, test } from "vitest";
import type { ReplayLetters } from "../../deliver/replay.ts";
import type { DeadLetters } from "../../explore/dead-letters.ts";
import { WORKSPACE } from "../../testing/builders.ts";
import { answerError } from "../answer-error.ts";
import type { DoorVars } from "../vars.ts";
import { deadLetterRoutes } from "./dead-letters.ts";
import { traceRoutes } from "./trace.ts";

/** The routes as behind their guards; `asked` collects what reached a store, as name and workspace. */
function aDoor(scopes: string[]) {
  const asked: unknown[][] = [];
  const port =
    (name: string, answer: unknown) =>
    async (...args: unknown[]) => {
      asked.push([name, ...args]);
      return answer;
    };
  const letter = { id: "l1", payload: "{}", received_at: "2026-01-01T00:00:00Z", rejected_at: "2026-01-01T00:00:00Z" };
  const letters = {
    list: port("list", { letters: [], next_cursor: null }),
    groups: port("groups", { groups: [] }),
    one: port("one", letter),
    count: port("count", 100_001),
    progress: port("progress", { replay_id: "r1" }),
  } as unknown as DeadLetters;
  const replay = {
    one: port("replay one", { count: 1 }),
    chosen: port("replay", { count: 2 }),
  } as unknown as ReplayLetters;
  const app = new Hono<DoorVars>({ strict: false });
  app.onError(answerError);
  app.use(async (c, next) => {
    c.set("workspaceId", WORKSPACE);
    c.set("scopes", scopes);
    await next();
  });
  app.route("/", deadLetterRoutes(letters, replay));
  app.route("/", traceRoutes(port("trace", { found: false }) as never));
  const call = async (path: string, body?: object | "") => {
    const answer = await app.request(
      path,
      body === undefined ? {} : { method: "POST", body: body === "" ? null : JSON.stringify(body) },
    );
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  return { call, asked };
}

const ROUTES: [path: string, body: object | "" | undefined, scope: string, status: number][] = [
  ["/dlq", undefined, "dlq:read", 200],
  ["/dlq/groups", undefined, "dlq:read", 200],
  ["/dlq/l1", undefined, "dlq:read", 200],
  ["/dlq/replays/r1", undefined, "dlq:read", 200],
  ["/dlq/l1/replay", {}, "dlq:write", 202],
  ["/dlq/l1/replay", "", "dlq:write", 202],
  ["/dlq/replay", { filter: { code: "late_event" } }, "dlq:write", 202],
  ["/dlq/replay", { ids: ["l1"], dry_run: true }, "dlq:write", 200],
  ["/events/m-1/trace", undefined, "live:read", 200],
];

test.each(ROUTES)("%s %j needs %s, and asks for the caller's workspace only", async (path, body, scope, status) => {
  const allowed = aDoor([scope]);
  expect((await allowed.call(path, body)).status).toBe(status);
  expect(allowed.asked.length).toBeGreaterThan(0);
  for (const [, workspaceId] of allowed.asked) expect(workspaceId).toBe(WORKSPACE);
  const others = ["dlq:read", "live:read", "metrics:write", "sources:write"].filter((one) => one !== scope);
  const refused = aDoor(others);
  expect(await refused.call(path, body)).toMatchObject({ status: 403, body: { code: "forbidden" } });
  expect(refused.asked).toEqual([]);
});

test.each(ROUTES)("%s %j answers with a trailing slash too", async (path, body, scope, status) => {
  expect((await aDoor([scope]).call(`${path}/`, body)).status).toBe(status);
});

test("a dry run sends nothing, and says what a call would reach", async () => {
  const { call, asked } = aDoor(["*"]);
  expect((await call("/dlq/replay", { filter: {}, dry_run: true })).body).toEqual({
    dry_run: true,
    count: 100_000,
    truncated: true,
  });
  expect(asked.map(([name]) => name)).toEqual(["count"]);
});

test.each<[string, object]>([
  ["/dlq/replay", {}],
  ["/dlq/replay", { filter: { codes: "x" } }],
  ["/dlq/replay", { filter: { from: "yesterday" } }],
  ["/dlq/replay", { ids: [] }],
  ["/dlq/replay", { ids: Array(1_001).fill("x") }],
  ["/dlq/replay", { ids: ["x"], dryrun: true }],
  ["/dlq/l1/replay", { payload: [] }],
  ["/dlq/l1/replay", { payload: "text" }],
  ["/dlq/l1/replay", { event: {} }],
])("%s %j is a 400, and nothing is sent", async (path, body) => {
  const { call, asked } = aDoor(["*"]);
  expect(await call(path, body)).toMatchObject({ status: 400, body: { code: "validation_failed" } });
  expect(asked).toEqual([]);
});
