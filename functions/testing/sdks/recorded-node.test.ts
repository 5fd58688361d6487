import { afterAll, beforeAll, expect, test } from "vitest";
import { LOCAL } from "../../../stacks/local/local-mode.ts";
import { writeKeyOf } from "../../registry/write-key.ts";
import { openPostgres } from "../../stores/postgres/client.ts";
import { createAddSource } from "../../stores/postgres/sources.ts";
import { forgetDataDir, newDataDir } from "../data-dir.ts";
import { sql } from "../local-client.ts";
import { eventually, type LocalSystem, startLocalSystem, stopLocalSystem } from "../local-system.ts";
import { plainNodeRequests } from "./recorded.ts";

const requests = plainNodeRequests();
const keys = [...new Set(requests.map(({ key }) => key ?? ""))];
const eventsOf = (body: Buffer) => {
  const { batch, ...single } = JSON.parse(body.toString());
  return (batch ?? [single]) as { messageId: string; type: string }[];
};

const dataDir = await newDataDir();
let system: LocalSystem;
beforeAll(async () => {
  system = await startLocalSystem(dataDir);
  const { db, close } = openPostgres(system.running().postgresUrl);
  for (const key of keys)
    await createAddSource(db)({ workspaceId: LOCAL.workspaceId, name: key, writeKey: writeKeyOf(key) });
  await close();
});
afterAll(async () => {
  await stopLocalSystem(system);
  await forgetDataDir(dataDir);
});

test("the recording holds the requests of three Node clients", () => {
  expect(keys).toEqual(["WK_SEG_NODE", "WK_OLD_NODE", "WK_RUD_NODE2"]);
  expect(requests).toHaveLength(9);
});

test("K-01 K-03 K-04 what Node clients sent as plain JSON is answered 200 with JSON, and each event is stored once", async () => {
  for (const { path, headers, body } of requests) {
    const response = await fetch(`${system.running().ingestUrl}${path}`, {
      method: "POST",
      headers,
      body: Uint8Array.from(body),
    });
    expect(response.status, body.toString()).toBe(200);
    expect(await response.json()).toMatchObject({ success: true, accepted: eventsOf(body).length, rejected: [] });
  }
  const sent = requests.flatMap(({ body }) => eventsOf(body)).map(({ messageId, type }) => [messageId, type, 1]);
  await eventually(async () => {
    const stored = await sql(system.running(), "SELECT message_id, any(type), count() FROM events GROUP BY 1");
    expect(stored.toSorted()).toEqual(sent.toSorted());
  });
});
