import { expect, test } from "vitest";
import { batchesOf } from "./batches.ts";
import { SOURCES, type SourceName } from "./tape.ts";
import type { DemoEvent } from "./timeline.ts";

const anEvent = (source: SourceName, json: string): DemoEvent => ({ source, type: "track", flaw: undefined, json });

test("each event is in one batch of its source, in its order", () => {
  const events = Array.from({ length: 3_001 }, (_, at) => anEvent(SOURCES[at % 3] ?? "web", String(at)));
  const batches = [...batchesOf(events)];
  for (const source of SOURCES) {
    const sent = batches
      .filter((batch) => batch.source === source)
      .flatMap(({ json }) => JSON.parse(`[${json}]`) as number[]);
    expect(sent).toEqual(events.filter((event) => event.source === source).map(({ json }) => Number(json)));
  }
  for (const { json, types } of batches) expect(types).toHaveLength((JSON.parse(`[${json}]`) as number[]).length);
});

test("a batch has at most 500 events and 450 KB, counted in bytes", () => {
  const small = [...batchesOf(Array.from({ length: 1_200 }, () => anEvent("web", "{}")))];
  expect(small.map(({ types }) => types.length)).toEqual([500, 500, 200]);
  const wide = JSON.stringify("ł".repeat(20_000));
  const large = [...batchesOf(Array.from({ length: 30 }, () => anEvent("web", wide)))];
  for (const { json } of large) expect(Buffer.byteLength(json)).toBeLessThanOrEqual(450_000);
  expect(large.map(({ types }) => types.length)).toEqual([11, 11, 8]);
});

test("no event makes no batch", () => {
  expect([...batchesOf([])]).toEqual([]);
});
