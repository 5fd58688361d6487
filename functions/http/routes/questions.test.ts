import { Hono } from "hono";
import { expect, test } from "vitest";
import type { Ask } from "../../explore/ask.ts";
import { createAsk } from "../../explore/ask.ts";
import { answerError } from "../answer-error.ts";
import type { DoorVars } from "../vars.ts";
import { questionRoutes } from "./questions.ts";

const WORKSPACE = "00000000-0000-4000-8000-000000000001";

/** The door as behind its guards; `asked` collects what reached the store. */
function door(rows: object[] = [], scopes = ["query:read"]) {
  const asked: { workspaceId: string; params: object }[] = [];
  const logged: object[] = [];
  let now = 1_000_000;
  const ask: Ask = createAsk({
    runQuery: async (query, workspaceId, { params }) => {
      asked.push({ workspaceId, params });
      return rows.map((row) => query.row.parse(row));
    },
    now: () => (now += 5),
    log: { info: (fields) => void logged.push(fields) },
  });
  const app = new Hono<DoorVars>({ strict: false });
  app.onError(answerError);
  app.use(async (c, next) => {
    c.set("workspaceId", WORKSPACE);
    c.set("requestId", "r1");
    c.set("scopes", scopes);
    await next();
  });
  app.route("/", questionRoutes(ask));
  const post = (body: string, path = "/query/events") => app.request(path, { method: "POST", body });
  return { post, asked, logged };
}

test("an answer has rows, the next cursor, and how it was made", async () => {
  const { post, logged } = door([
    { message_id: "m", timestamp: "2026-01-01T00:00:00.000Z", warnings: "", context: {} },
  ]);
  const answer = await post('{"table":"events_track"}');
  expect(answer.status).toBe(200);
  expect(await answer.json()).toEqual({
    rows: [{ message_id: "m", timestamp: "2026-01-01T00:00:00.000Z", warnings: [], context: {} }],
    next_cursor: null,
    cache_hit: false,
    duration_ms: 5,
  });
  expect(logged).toEqual([
    { workspace_id: WORKSPACE, query_type: "event_explorer", duration_ms: 5, rows_returned: 1, cache_hit: false },
  ]);
});

test("the path answers with a trailing slash too", async () => {
  expect((await door().post('{"table":"events"}', "/query/events/")).status).toBe(200);
});

test("the workspace is the caller's own, whatever the body says", async () => {
  const { post, asked } = door();
  await post('{"table":"events","workspace_id":"other","workspaceId":"other"}');
  expect(asked.map((one) => one.workspaceId)).toEqual([WORKSPACE]);
  expect(asked[0]?.params).not.toHaveProperty("workspace_id");
});

test.each([
  ['{"table":"users"}', "validation_failed", "table"],
  ["{}", "validation_failed", "table"],
  ['{"table":"events","filters":[{"field":"event","op":"eq"}]}', "validation_failed", "filters.0.value"],
  ['{"table":"events","cursor":"%%%"}', "validation_failed", "cursor"],
  ["[]", "validation_failed", undefined],
  ["null", "validation_failed", undefined],
  ["{", "invalid_json", undefined],
  ["", "invalid_json", undefined],
])("the body %j is a 400 that says what is wrong, and nothing is asked", async (body, code, field) => {
  const { post, asked } = door();
  const answer = await post(body);
  const said = (await answer.json()) as Record<string, unknown>;
  expect(answer.status).toBe(400);
  expect(said).toMatchObject({ code, request_id: "r1", error: said.message });
  expect(said.field).toBe(field);
  expect(asked).toEqual([]);
});

test("a token without the scope is 403 and asks nothing", async () => {
  const { post, asked } = door([], ["sources:write"]);
  const answer = await post('{"table":"events"}');
  expect([answer.status, await answer.json()]).toMatchObject([403, { code: "forbidden" }]);
  expect(asked).toEqual([]);
});
