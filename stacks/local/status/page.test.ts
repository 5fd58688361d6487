import { expect, test } from "vitest";
import { pageOf, type Status } from "./page.ts";

const NOW = Date.UTC(2026, 10, 21, 12);
const WRITER = {
  rows: 1_234_567,
  parts: 12,
  rowsLastMinute: 900,
  rowsLastHour: 1_976,
  newestMs: NOW - 1_500,
  suspectsNoted: 7,
  letters: [
    { stage: "schema", code: "schema_conflict", letters: 18 },
    { stage: "decode", code: "corrupt_frame", letters: 6 },
  ],
};
const WORKERS = {
  inserts: { since: "minute" as const, count: 40, median: 1_500, max: 50_000 },
  events: { stored: 80_000, there: 3, repeated: 5, lookedUp: 900 },
  troubled: { refused: 0, unknown: 0, again: 0 },
  lettersKept: 24,
  archived: { frames: 10, events: 100, bytes: 1_000 },
  republished: { frames: 0, events: 0 },
};
const STATUS: Status = {
  consumers: [
    {
      name: "archive",
      shards: [{ shard: "shardId-000000000000", records: 8, more: false, seconds: 4.2 }],
    },
    {
      name: "deliver",
      shards: [
        { shard: "shardId-000000000000", records: 0, more: false, seconds: 0 },
        { shard: "shardId-000000000001", records: 50_000, more: true, seconds: 400 },
      ],
    },
  ],
  queues: [{ name: "dlq", waiting: 3, inFlight: 2 }],
  writer: WRITER,
  workers: WORKERS,
};

test("the page says how far each consumer is behind, how the writer inserts, what waits, and why events were refused", () => {
  const page = pageOf(STATUS, NOW);
  expect(page).toMatch(/events\s+1,234,567 rows\s+12 parts, newest 1\.5 s ago/);
  expect(page).toMatch(/inserts\s+last minute\s+40\s+1,500 rows in the median, 50,000 at most/);
  expect(page).toMatch(/dedup\s+since workers began\s+3 by position\s+of 80,000 stored\n\s+5 by message id\s+of 900/);
  expect(page).toMatch(/archive\s+shardId-000000000000\s+8 behind\s+4\.2 s\n/);
  expect(page).toMatch(/deliver\s+shardId-000000000000\s+0 behind\n/);
  expect(page).toMatch(/deliver\s+shardId-000000000001\s+50,000 or more behind\s+7 min/);
  expect(page).toMatch(/queue\s+dlq\s+3 waiting\s+2 in flight/);
  expect(page).toMatch(/refused\s+last hour\s+24\s+1\.2 % of 2,000 events\n/);
  expect(page).toMatch(/18\s+0\.9 % schema_conflict at schema\n\s+6\s+0\.3 % corrupt_frame at decode/);
});

test("where nothing happened it says so", () => {
  const inserts = { since: "start" as const, count: 0, median: 0, max: 0 };
  const writer = { ...WRITER, newestMs: 0, letters: [], rowsLastHour: 0 };
  const quiet = pageOf({ ...STATUS, writer, workers: { ...WORKERS, inserts } }, NOW);
  expect(quiet).toMatch(/none in the last day.*inserts\s+since workers began\s+0\n.*refused\s+last hour\s+none/s);
});

test("inserts that did not go as they should are named", () => {
  const troubled = { refused: 4, unknown: 0, again: 1 };
  expect(pageOf({ ...STATUS, workers: { ...WORKERS, troubled } }, NOW)).toMatch(
    /since workers began\s+4 refused for their rows, 1 made again\n/,
  );
});

test("who is away is named, and the others are told", () => {
  const dead = pageOf({ ...STATUS, workers: { away: "fetch failed" } }, NOW);
  expect(dead).toMatch(/workers\s+unknown\s+does not answer: fetch failed/);
  expect(dead).toMatch(/deliver\s+shardId-000000000001\s+50,000 or more behind/);
  const away = pageOf({ ...STATUS, writer: { away: "the warehouse" }, queues: { away: "refused" } }, NOW);
  expect(away).toMatch(/table\s+events\s+unknown/);
  expect(away).toMatch(/refused\s+last hour\s+unknown/);
  expect(away).toMatch(/queues\s+unknown/);
  expect(away).toMatch(/inserts\s+last minute\s+40/);
});
