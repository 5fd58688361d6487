import { expect, test } from "vitest";
import { pageOf, type Status } from "./page.ts";

const NOW = Date.UTC(2026, 10, 21, 12);
const STATUS: Status = {
  consumers: [
    {
      name: "deliver",
      shards: [
        { shard: "shardId-000000000000", records: 0, more: false, seconds: 0 },
        { shard: "shardId-000000000001", records: 50_000, more: true, seconds: 400 },
      ],
    },
  ],
  queues: [{ name: "dlq", waiting: 3, inFlight: 2 }],
  writer: {
    rows: 1_234_567,
    parts: 12,
    rowsLastMinute: 900,
    newestMs: NOW - 1_500,
    suspectsNoted: 7,
    letters: [{ stage: "schema", code: "schema_conflict", letters: 18 }],
  },
};

test("the page says how far each consumer is behind, what waits, and why events were refused", () => {
  const page = pageOf(STATUS, NOW);
  expect(page).toMatch(/events\s+1,234,567 rows\s+12 parts, newest 1\.5 s ago/);
  expect(page).toMatch(/deliver\s+shardId-000000000000\s+0 behind\n/);
  expect(page).toMatch(/deliver\s+shardId-000000000001\s+50,000 or more behind\s+7 min/);
  expect(page).toMatch(/queue\s+dlq\s+3 waiting\s+2 in flight/);
  expect(page).toMatch(/refused\s+last hour\s+18\s+schema_conflict at schema/);
});

test("where nothing happened it says so", () => {
  const quiet = { ...STATUS, writer: { ...STATUS.writer, newestMs: 0, letters: [] } };
  expect(pageOf(quiet, NOW)).toMatch(/none in the last day.*refused\s+last hour\s+none/s);
});
