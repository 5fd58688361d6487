import type { ClickHouseClient } from "@clickhouse/client";
import type { CheckedEvent } from "../event/event.ts";
import { decodeFrame } from "../event/frame.ts";
import { newId } from "../kit/id.ts";
import { createInsertEvents } from "../stores/clickhouse/insert-events.ts";
import { createInsertNative } from "../stores/clickhouse/insert-rows.ts";
import { aFrame, seqOf, WORKSPACE } from "./builders.ts";

let records = 0;

/** Stores events as the writer does, as one record of a shard that nothing else uses. */
export async function storeEvents(client: ClickHouseClient, events: CheckedEvent[], workspaceId = WORKSPACE) {
  const insert = createInsertEvents(createInsertNative(client), newId);
  const seq = seqOf(++records);
  const range = { stream: "events", shard: "shardId-test", from: seq, to: seq };
  const frame = decodeFrame(aFrame(events, workspaceId));
  await insert(range, [{ seq, frame, subs: events.map((_, sub) => sub) }], `test:${seq}`, 30_000);
}
