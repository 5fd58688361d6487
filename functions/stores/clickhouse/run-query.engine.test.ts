import { afterAll, beforeAll, expect, inject, test, vi } from "vitest";
import { EventsBody, eventExplorer } from "../../explore/event-explorer.ts";
import { aCheckedEvent, NOW, WORKSPACE } from "../../testing/builders.ts";
import { type FreshClickHouse, freshClickHouse } from "../../testing/fresh-clickhouse.ts";
import { storeEvents } from "../../testing/stored-events.ts";
import { createClickHouse } from "./client.ts";
import { createRunQuery } from "./run-query.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let warehouse: FreshClickHouse;
beforeAll(async () => {
  warehouse = await freshClickHouse(inject("engines").warehouse.url);
  await storeEvents(warehouse.client, [aCheckedEvent({ messageId: "m", timestamp: NOW - 1 })]);
});
afterAll(() => warehouse?.drop());

const { query } = eventExplorer;
const input = eventExplorer.input(EventsBody.parse({ table: "events_track" }), NOW);

test("rows come through the question's own schema", async () => {
  const rows = await createRunQuery(warehouse.client)(query, WORKSPACE, input);
  expect(rows).toEqual([expect.objectContaining({ message_id: "m", timestamp: new Date(NOW - 1).toISOString() })]);
});

test("a question that meets the engine's limit is told so", async () => {
  const slow = { ...input, slots: { ...input.slots, filters: { text: "AND sleepEachRow(2) = 0", values: {} } } };
  const asked = createRunQuery(warehouse.client, { secondsMax: 1 })(query, WORKSPACE, slow);
  await expect(asked).rejects.toMatchObject({ name: "AppError", code: "query_limit" });
});

test("a warehouse that nobody answers for is unavailable, and may be asked again", async () => {
  const nobody = createClickHouse({ url: "http://127.0.0.1:9", database: "cdp" });
  const asked = createRunQuery(nobody)(query, WORKSPACE, input);
  await expect(asked).rejects.toMatchObject({ code: "unavailable", retryAfterSeconds: 5 });
  await nobody.close();
});

test("a caller who went away ends the question", async () => {
  const slow = { ...input, slots: { ...input.slots, filters: { text: "AND sleepEachRow(3) = 0", values: {} } } };
  const gone = new AbortController();
  const asked = createRunQuery(warehouse.client)(query, WORKSPACE, slow, gone.signal);
  setTimeout(() => gone.abort(new Error("gone")), 200);
  await expect(asked).rejects.toThrow("gone");
});

test("a statement that the engine refuses is a fault whose message quotes no data", async () => {
  const wrong = { ...input, slots: { ...input.slots, filters: { text: "AND no_such_column = 'secret'", values: {} } } };
  await expect(createRunQuery(warehouse.client)(query, WORKSPACE, wrong)).rejects.toThrow(
    /^ClickHouse refused a statement: code 47, UNKNOWN_IDENTIFIER$/,
  );
});

test("two slots that bind the same name are a fault, not a wrong answer", async () => {
  const part = { text: "AND 1 = {x: UInt8}", values: { x: 1 } };
  const twice = { ...input, slots: { ...input.slots, filters: part, after: part } };
  await expect(createRunQuery(warehouse.client)(query, WORKSPACE, twice)).rejects.toThrow('bind the parameter "x"');
});
