import { Hono } from "hono";
import { expect, test } from "vitest";
import type { LiveEntry } from "../../explore/live-events.ts";
import { AppError } from "../../kit/errors.ts";
import { log } from "../../kit/log.ts";
import { SOURCE, WORKSPACE } from "../../testing/builders.ts";
import { answerError } from "../answer-error.ts";
import type { DoorVars } from "../vars.ts";
import { type LivePorts, liveRoutes } from "./live.ts";

log.level = "silent";
const OTHER = "00000000-0000-4000-8000-0000000000bb";
const QUICK = { pollMs: 2, heartbeatMs: 60_000, endAfterMs: 60_000 };

const anEntry = (n: number, ...outcomes: string[]): LiveEntry => ({
  id: `${n}-0`,
  entry: JSON.stringify({
    at: n,
    request_id: `r${n}`,
    call: "batch",
    events: outcomes.map((outcome, index) => ({
      id: `m${n}.${index}`,
      type: index === 0 ? "track" : "page",
      event: "",
      outcome,
    })),
  }),
});

/** The door of a workspace with one source, whose stream is `entries`. */
function aDoor(entries: LiveEntry[], ports: Partial<LivePorts> = {}, scopes = ["live:read"]) {
  let reads = 0;
  const readLive: LivePorts["readLive"] = async (_, after, max) => {
    reads++;
    const from =
      after === undefined ? 0 : entries.findIndex(({ id }) => Number.parseInt(id, 10) > Number.parseInt(after, 10));
    const found = from < 0 ? [] : entries.slice(from);
    return after === undefined ? found.slice(-max) : found.slice(0, max);
  };
  const app = new Hono<DoorVars>();
  app.onError(answerError);
  app.use(async (c, next) => {
    c.set("workspaceId", WORKSPACE);
    c.set("scopes", scopes);
    await next();
  });
  const sourceIdsOf = async (workspaceId: string) => (workspaceId === WORKSPACE ? [SOURCE] : [OTHER]);
  app.route("/", liveRoutes({ readLive, sourceIdsOf, now: Date.now, times: QUICK, ...ports }));
  const get = (query: string, headers: Record<string, string> = {}) => app.request(`/live?${query}`, { headers });
  return { get, reads: () => reads };
}

/** Reads a stream until it has said `text`. */
async function until(answer: Response, text: string) {
  const reader = answer.body?.getReader();
  let said = "";
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
    said += new TextDecoder().decode(value);
    if (done || said.includes(text)) return { said, cancel: () => reader?.cancel(), rest: () => reader?.read() };
  }
}
const idsIn = (said: string) => [...said.matchAll(/^id: (.*)$/gm)].map((match) => match[1]);

test("what was is sent at once, then what comes, each under its id", async () => {
  const entries = [anEntry(1, "accepted"), anEntry(2, "rejected")];
  const { get } = aDoor(entries);
  const answer = await get(`source_id=${SOURCE}`);
  expect(answer.headers.get("content-type")).toBe("text/event-stream");
  setTimeout(() => entries.push(anEntry(3, "accepted")), 20);
  const { said, cancel } = await until(answer, "id: 3-0");
  expect(idsIn(said)).toEqual(["1-0", "2-0", "3-0"]);
  expect(said).toContain(`data: ${entries[2]?.entry}\n`);
  expect(said).toContain("retry: 1000\n");
  await cancel();
});

test("B-03 what was answered with success and not stored says why, though its door wrote no words", async () => {
  const { said, cancel } = await until(
    await aDoor([anEntry(1, "accepted", "duplicate", "suppressed")]).get(`source_id=${SOURCE}`),
    "id: 1-0",
  );
  const { events } = JSON.parse(/^data: (.*)$/m.exec(said)?.[1] ?? "") as { events: Record<string, string>[] };
  expect(events.map(({ message }) => message)).toEqual([
    undefined,
    expect.stringMatching(/24 hours/),
    expect.stringMatching(/not to be known|do not want/),
  ]);
  await cancel();
});

test("a client that comes again gets what it has not seen, and nothing twice", async () => {
  const entries = [1, 2, 3, 4].map((n) => anEntry(n, "accepted"));
  const { get } = aDoor(entries);
  const { said, cancel } = await until(await get(`source_id=${SOURCE}`, { "last-event-id": "2-0" }), "id: 4-0");
  expect(idsIn(said)).toEqual(["3-0", "4-0"]);
  await cancel();
});

test("a client that has seen all waits for what comes, and is told nothing again", async () => {
  const entries = [anEntry(1, "accepted")];
  const { get, reads } = aDoor(entries);
  const answer = await get(`source_id=${SOURCE}`, { "last-event-id": "1-0" });
  setTimeout(() => entries.push(anEntry(2, "accepted")), 30);
  const { said, cancel } = await until(answer, "id: 2-0");
  expect(idsIn(said)).toEqual(["2-0"]);
  expect(reads()).toBeGreaterThan(1);
  await cancel();
});

test("it begins with the last 1,000 events, however many requests brought them", async () => {
  const entries = Array.from({ length: 50 }, (_, n) => anEntry(n + 1, ...Array(100).fill("accepted")));
  const { said, cancel } = await until(await aDoor(entries).get(`source_id=${SOURCE}`), "id: 50-0");
  expect(idsIn(said)).toEqual(Array.from({ length: 10 }, (_, n) => `${n + 41}-0`));
  await cancel();
});

test.each([
  ["outcome=rejected", ["m2.0", "m3.1"]],
  ["type=page", ["m3.1"]],
  ["type=track&outcome=accepted", ["m1.0", "m3.0"]],
])("the filter %s leaves only events that fit", async (filter, wanted) => {
  const entries = [anEntry(1, "accepted"), anEntry(2, "rejected"), anEntry(3, "accepted", "rejected")];
  const { said, cancel } = await until(await aDoor(entries).get(`source_id=${SOURCE}&${filter}`), "id: 3-0");
  expect([...said.matchAll(/"id":"(m[^"]*)"/g)].map((match) => match[1])).toEqual(wanted);
  await cancel();
});

test("a stream ends by itself, so that no function outlives its time", async () => {
  const { get } = aDoor([anEntry(1, "accepted")], { times: { ...QUICK, endAfterMs: 30 } });
  expect(idsIn(await (await get(`source_id=${SOURCE}`)).text())).toEqual(["1-0"]);
});

test("a quiet stream says now and then that it is there", async () => {
  const { get } = aDoor([], { times: { ...QUICK, heartbeatMs: 10 } });
  const { said, cancel } = await until(await get(`source_id=${SOURCE}`), ": still here\n\n");
  expect(idsIn(said)).toEqual([]);
  await cancel();
});

test("nothing more is read when the client has gone", async () => {
  const { get, reads } = aDoor([anEntry(1, "accepted")]);
  const { cancel } = await until(await get(`source_id=${SOURCE}`), "id: 1-0");
  await cancel();
  await new Promise((resolve) => setTimeout(resolve, 50));
  const before = reads();
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(reads()).toBe(before);
});

test("a cache that is away at first is a 503, later the end of the stream", async () => {
  const away = () => Promise.reject(new AppError("unavailable", "away", { retryAfterSeconds: 5 }));
  const refused = await aDoor([], { readLive: away }).get(`source_id=${SOURCE}`);
  expect(refused.status).toBe(503);
  let reads = 0;
  const once: LivePorts["readLive"] = async () => (++reads > 1 ? away() : [anEntry(1, "accepted")]);
  expect(idsIn(await (await aDoor([], { readLive: once }).get(`source_id=${SOURCE}`)).text())).toEqual(["1-0"]);
});

test.each<[string, string, string[], number]>([
  ["another workspace's source", `source_id=${OTHER}`, ["*"], 404],
  ["no source", "", ["*"], 400],
  ["a source that is no id", "source_id=shop", ["*"], 400],
  ["an unknown filter", `source_id=${SOURCE}&outcom=rejected`, ["*"], 400],
  ["an unknown outcome", `source_id=${SOURCE}&outcome=bad`, ["*"], 400],
  ["a token without the scope", `source_id=${SOURCE}`, ["dlq:write"], 403],
])("%s is refused before anything is read", async (_, query, scopes, status) => {
  const { get, reads } = aDoor([], {}, scopes);
  expect((await get(query)).status).toBe(status);
  expect(reads()).toBe(0);
});
