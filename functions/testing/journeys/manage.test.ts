import { expect, test } from "vitest";
import { basic, manage as manageOf, post, sql } from "../local-client.ts";
import { eventually } from "../local-system.ts";
import { useLocalSystem } from "../use-local-system.ts";

const system = useLocalSystem();

const manage = (method: string, path: string, body?: unknown) => manageOf(system.running(), method, path, body);

/** A source of its own for a test, and its key. */
async function aSource(fields: object = {}) {
  const source = await manage("POST", "/sources", { name: "Web", ...fields });
  const key = await manage("POST", `/sources/${source.body.id}/keys`);
  const send = (event: object) => {
    const headers = { authorization: basic(String(key.body.write_key)) };
    return post(system.running(), "/v1/track", { userId: "u1", ...event }, headers);
  };
  return { id: String(source.body.id), keyId: String(key.body.id), send };
}
/** What a change leads to, at the latest when the caches have run out. */
const soon = (check: () => Promise<void>) => eventually(check, 90_000);
const storedOf = async (messageId: string) =>
  (await sql<[number]>(system.running(), `SELECT count() FROM events WHERE message_id = '${messageId}'`))[0]?.[0];

test("a new source takes events with its key, is switched off and on, and ends with its key", async () => {
  const { id, keyId, send } = await aSource();
  expect((await send({ event: "Hello" })).status).toBe(200);
  await manage("PATCH", `/sources/${id}`, { enabled: false });
  await soon(async () => expect(await send({ event: "Hello" })).toMatchObject({ status: 401 }));
  await manage("PATCH", `/sources/${id}`, { enabled: true });
  await soon(async () => expect((await send({ event: "Hello" })).status).toBe(200));
  await manage("DELETE", `/sources/${id}/keys/${keyId}`);
  await soon(async () => expect((await send({ event: "Hello" })).body.code).toBe("invalid_write_key"));
});

test("a wrong first event is undone: its type is reset, and what it refused is replayed into the table, once", async () => {
  const { send } = await aSource();
  const event = { event: "Wrong First", messageId: "wrong-first-2" };
  expect((await send({ ...event, messageId: "wrong-first-1", properties: { price: "a lot" } })).status).toBe(200);
  const refused = await send({ ...event, properties: { price: 10 } });
  expect(refused).toMatchObject({ status: 400, body: { code: "schema_conflict", field: "properties.price" } });
  const reset = await manage("POST", "/schemas/reset", { key: "track:Wrong First", property: "properties.price" });
  expect(reset.body.reset).toBe(true);
  await soon(async () => {
    const dry = await manage("POST", "/dlq/replay", { ...(reset.body.replay as object), dry_run: true });
    expect(dry.body.count).toBe(1);
  });
  expect((await manage("POST", "/dlq/replay", reset.body.replay)).status).toBe(202);
  await soon(async () => expect(await storedOf("wrong-first-2")).toBe(1));
  const learned = await manage("GET", "/schemas?event=Wrong%20First");
  expect(learned.body.schemas).toMatchObject([{ property: "properties.price", property_type: "number" }]);
});

test("a tracking plan holds as soon as it is put, and no longer than it is there", async () => {
  const { send } = await aSource();
  const event = { event: "Planned", properties: { total: 1 } };
  expect((await send(event)).status).toBe(200);
  const schema = { properties: { total: { type: "number", minimum: 5 } } };
  await manage("PUT", "/tracking-plan", { mode: "block", events: [{ event: "Planned", schema }] });
  await soon(async () =>
    expect(await send(event)).toMatchObject({
      status: 400,
      body: { code: "plan_violation", field: "properties.total" },
    }),
  );
  expect((await send({ event: "Planned", properties: { total: 5 } })).status).toBe(200);
  await manage("DELETE", "/tracking-plan");
  await soon(async () => expect((await send(event)).status).toBe(200));
});

test("a suppressed person is answered and not stored, and comes back when let", async () => {
  const { send } = await aSource();
  const userId = "person/1 %";
  await manage("POST", `/users/${encodeURIComponent(userId)}/suppress`);
  await soon(async () => expect((await send({ event: "Seen", userId })).body.suppressed).toBe(true));
  expect((await send({ event: "Seen", userId, messageId: "suppressed-1" })).body.suppressed).toBe(true);
  await manage("DELETE", `/users/${encodeURIComponent(userId)}/suppress`);
  await soon(async () => expect((await send({ event: "Seen", userId })).body).not.toHaveProperty("suppressed"));
  await send({ event: "Seen", userId, messageId: "suppressed-2" });
  await soon(async () => expect(await storedOf("suppressed-2")).toBe(1));
  expect(await storedOf("suppressed-1")).toBe(0);
});

test("a source's own limits hold at its door, and its days are counted", async () => {
  const { id, send } = await aSource({ limits: { window_requests_max: 3, day_events_max: 1_000 } });
  const statuses: number[] = [];
  for (let i = 0; i < 12; i++) statuses.push((await send({ event: "Many" })).status);
  expect(statuses.slice(0, 3)).toEqual([200, 200, 200]);
  expect(statuses).toContain(429);
  await soon(async () => {
    const { body } = await manage("GET", `/sources/${id}/counts?days=1`);
    const [today] = body.days as { counts: Record<string, number> }[];
    expect(today?.counts.accepted).toBe(statuses.filter((status) => status === 200).length);
  });
});
