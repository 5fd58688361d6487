import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import type { JsonObject } from "../../../functions/event/event.ts";
import { messageIdOf, validate } from "../../../functions/ingest/validate.ts";
import { type DemoOptions, DemoStopped, type Progress, runDemo } from "./run-demo.ts";
import { timeline } from "./timeline.ts";

vi.setConfig({ testTimeout: 60_000 });

type Body = { batch: JsonObject[]; sentAt: string };
type Answer = (body: Body, request: IncomingMessage, response: ServerResponse) => void;

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A door of our own that answers as `answer` says; `plan` says what a run sends to it. */
async function aDoor(answer: Answer) {
  const connections = new Set<unknown>();
  const requests: { key: string; body: Body }[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString()) as Body;
    const key = Buffer.from(request.headers.authorization?.split(" ")[1] ?? "", "base64").toString();
    requests.push({ key, body });
    answer(body, request, response);
  });
  server.on("connection", (socket) => connections.add(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return { ingestUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests, connections };
}

/** What the real door would say: each event judged by its own checks, ids seen before are duplicates. */
function judge(): Answer {
  const seen = new Set<string>();
  return ({ batch }, _, response) => {
    let duplicates = 0;
    const rejected = batch.flatMap((draft, index) => {
      const id = messageIdOf(draft) ?? "";
      try {
        validate(draft, "batch", id);
      } catch {
        return [{ index, message_id: id, code: "validation_failed", message: "broken" }];
      }
      if (seen.has(id)) duplicates++;
      seen.add(id);
      return [];
    });
    const accepted = batch.length - duplicates - rejected.length;
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ success: true, accepted, duplicates, rejected }));
  };
}

const refuse = (response: ServerResponse, status: number, message: string, retryAfter?: string) => {
  if (retryAfter !== undefined) response.setHeader("Retry-After", retryAfter);
  response.statusCode = status;
  response.end(JSON.stringify({ error: message, message, code: "x" }));
};

const plan = { events: 2_500, days: 10, seed: "1", now: Date.UTC(2026, 10, 21) };
const run = (door: { ingestUrl: string }, more: Partial<DemoOptions> = {}) =>
  runDemo({ ...plan, ingestUrl: door.ingestUrl, ...more });
const stopped = async (running: Promise<unknown>): Promise<DemoStopped> => {
  const error = await running.catch((thrown) => thrown);
  if (error instanceof DemoStopped) return error;
  throw new Error("the run did not stop");
};

test("every event arrives once, as it was made, in few connections that stay open", async () => {
  const door = await aDoor(judge());
  const result = await run(door);
  const arrived = door.requests.flatMap(({ body }) => body.batch.map((event) => JSON.stringify(event)));
  expect(arrived.toSorted()).toEqual([...timeline(plan)].map(({ json }) => json).toSorted());
  expect(result).toMatchObject({ settled: plan.events, duplicates: 0, requests: door.requests.length, repeats: 0 });
  expect(door.connections.size).toBeLessThanOrEqual(4);
});

test("what the door refuses is counted by its type and code, and all counts add up", async () => {
  const result = await run(await aDoor(judge()));
  expect(result.refused).toBeGreaterThan(0);
  expect(result.accepted + result.refused).toBe(plan.events);
  expect(result.byCode).toEqual({ validation_failed: result.refused });
  const planned = [...timeline(plan)];
  for (const [type, { taken, refused }] of Object.entries(result.byType)) {
    expect(taken + refused).toBe(planned.filter((event) => event.type === type).length);
    expect(refused).toBe(
      planned.filter((event) => event.type === type && event.flaw && !["late", "price_text"].includes(event.flaw))
        .length,
    );
  }
});

test("a second run with the same plan adds nothing", async () => {
  const door = await aDoor(judge());
  const first = await run(door);
  expect(await run(door)).toMatchObject({ accepted: 0, duplicates: first.accepted, refused: first.refused });
});

test("each source uses its own key, the local one where none is given", async () => {
  const door = await aDoor(judge());
  await run(door, { keys: { app: "wk_app", server: "wk_server" } });
  const libraries = (key: string) =>
    new Set(
      door.requests
        .filter((request) => request.key === key)
        .flatMap(({ body }) =>
          body.batch.map(({ context }) => (context as { library: { name: string } }).library.name),
        ),
    );
  expect(libraries("wk_local:")).toEqual(new Set(["analytics.js"]));
  expect(libraries("wk_app:").isSubsetOf(new Set(["analytics-swift", "analytics-kotlin"]))).toBe(true);
  expect(libraries("wk_server:")).toEqual(new Set(["@segment/analytics-node"]));
});

test.each([503, 429, 502])("a %i is sent again after its Retry-After, and counted once", async (status) => {
  const answer = judge();
  let refusals = 2;
  const door = await aDoor((body, request, response) =>
    refusals-- > 0 ? refuse(response, status, "Not now.", "0") : answer(body, request, response),
  );
  const waits: string[] = [];
  const result = await run(door, { progress: ({ waiting }) => waiting && waits.push(waiting) });
  expect(result).toMatchObject({ settled: plan.events, duplicates: 0, repeats: 2 });
  expect(waits).toEqual([`${status} Not now; sent again in 0.0 s`, `${status} Not now; sent again in 0.0 s`]);
});

test("Retry-After is understood as seconds and as a date, and never waits for more than a minute", async () => {
  const waitFor = async (retryAfter: string) => {
    const door = await aDoor((_, __, response) => refuse(response, 503, "Not now.", retryAfter));
    const user = new AbortController();
    const waits: number[] = [];
    const progress = ({ waiting }: Progress) => {
      waits.push(Number(/in ([\d.]+) s$/.exec(waiting ?? "")?.[1]));
      user.abort();
    };
    await stopped(run(door, { events: 20, signal: user.signal, progress }));
    return waits[0];
  };
  expect(await waitFor("7")).toBe(7);
  expect(await waitFor("3600")).toBe(60);
  expect(await waitFor(new Date(Date.now() + 3_600_000).toUTCString())).toBe(60);
  expect(await waitFor("soon")).toBe(0.3);
});

test("a connection that breaks before or after the door took the batch loses nothing and repeats nothing", async () => {
  const answer = judge();
  let breaks = 3;
  const door = await aDoor((body, request, response) => {
    if (breaks === 2) answer(body, request, { setHeader: () => {}, end: () => {} } as unknown as ServerResponse);
    if (breaks-- > 0) request.socket.resetAndDestroy();
    else answer(body, request, response);
  });
  const result = await run(door);
  const taken = Object.values(result.byType).reduce((sum, { taken }) => sum + taken, 0);
  expect(result).toMatchObject({ settled: plan.events, repeats: 3 });
  expect(result.accepted + result.duplicates).toBe(taken);
  expect(result.duplicates).toBeGreaterThan(0);
});

test("an outage that lasts ends the run after ten attempts, and says what was taken until then", async () => {
  const answer = judge();
  let taken = 0;
  const door = await aDoor((body, request, response) =>
    taken++ < 2 ? answer(body, request, response) : refuse(response, 503, "Events cannot be stored right now.", "0"),
  );
  const { message, result } = await stopped(run(door));
  expect(message).toContain("did not take a batch in 10 attempts: 503 Events cannot be stored right now.");
  expect(result.requests).toBe(2);
  expect(result.settled).toBeLessThan(plan.events);
  expect(result.accepted + result.refused).toBe(result.settled);
});

test.each([401, 400, 413])("a %i is not tried again: the door's own words end the run", async (status) => {
  const door = await aDoor((_, __, response) => refuse(response, status, "No source has this write key."));
  expect((await stopped(run(door))).message).toContain(`refused a batch: ${status} No source has this write key.`);
  expect(door.requests.length).toBeLessThanOrEqual(4);
});

test("one batch that is refused ends the run on every connection", async () => {
  const answer = judge();
  let first = true;
  const door = await aDoor((body, request, response) => {
    if (first) refuse(response, 401, "No source has this write key.");
    else setTimeout(() => answer(body, request, response), 500);
    first = false;
  });
  await stopped(run(door, { events: 20_000 }));
  expect(door.requests.length).toBeLessThanOrEqual(4);
});

test.each([
  ["does not account for every event", { success: true, accepted: 1, duplicates: 0, rejected: [] }],
  ["is not the door's", { ok: true }],
])("a 200 that %s ends the run", async (_, answer) => {
  const door = await aDoor((__, ___, response) => response.end(JSON.stringify(answer)));
  expect((await stopped(run(door))).message).toMatch(/accounts for [01] of the \d+ events/);
});

test("where nothing listens, the run ends at once and says how to start", async () => {
  const { ingestUrl } = await aDoor(judge());
  for (const close of closing.splice(0)) close();
  const { message, result } = await stopped(run({ ingestUrl }));
  expect(message).toBe(
    `Nothing listens at ${ingestUrl}. Start Millrace with npm start, or give its address with --url.`,
  );
  expect(result.settled + result.repeats).toBe(0);
});

test("the user may end it: what is under way arrives, nothing more is sent", async () => {
  const answer = judge();
  const user = new AbortController();
  const door = await aDoor((body, request, response) => {
    user.abort();
    setTimeout(() => answer(body, request, response), 50);
  });
  const { message, result } = await stopped(run(door, { events: 50_000, signal: user.signal }));
  expect(message).toBe("Stopped.");
  expect(result.requests).toBe(door.requests.length);
  expect(result.settled).toBe(door.requests.reduce((sum, { body }) => sum + body.batch.length, 0));
});

test("the time of sending is that of the attempt, not of the first try", async () => {
  const answer = judge();
  let first = true;
  const door = await aDoor((body, request, response) => {
    if (first) refuse(response, 503, "Not now.", "1");
    else answer(body, request, response);
    first = false;
  });
  const before = Date.now();
  await run(door, { events: 10, days: 1 });
  const [refused, taken] = door.requests.filter(
    ({ body }) => body.batch[0]?.messageId === door.requests[0]?.body.batch[0]?.messageId,
  );
  const sentAt = (request: typeof refused) => Date.parse(request?.body.sentAt ?? "");
  expect(sentAt(refused)).toBeGreaterThanOrEqual(before);
  expect(sentAt(taken)).toBeGreaterThanOrEqual(sentAt(refused) + 900);
});
