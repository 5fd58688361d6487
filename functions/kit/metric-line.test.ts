import { describe, expect, test } from "vitest";
import { metricDocument } from "../testing/metric-format.ts";
import { endsWithMetrics, metricLines, noteSample, type Sample } from "./metric-line.ts";
import { metrics } from "./metrics.ts";

const NOW = Date.UTC(2026, 10, 21, 12);
const SHARD = "shardId-000000000000";
const aSum = (name: string, value: number, labels: Sample["labels"] = {}): Sample => ({
  ...{ name, value, labels },
  unit: "Count",
  kind: "sum",
});
const aValue = (name: string, value: number, labels: Sample["labels"] = {}): Sample => ({
  ...{ name, value, labels },
  unit: "Seconds",
  kind: "value",
});
const documents = (samples: Sample[]) => metricLines("deliver", samples, NOW).map(metricDocument);

describe("the line that ends an invocation", () => {
  test("sums what was counted, keeps what was measured, and names consumer and shard", () => {
    const of = { consumer: "deliver", shard: SHARD };
    const [document, ...more] = documents([
      aSum("stored_total", 3),
      aSum("stored_total", 4),
      aValue("insert_seconds", 0.5),
      aValue("insert_seconds", 0.25),
      aValue("oldest_seconds", 12, of),
    ]);
    expect(more).toEqual([]);
    expect(document).toEqual({
      _aws: {
        Timestamp: NOW,
        CloudWatchMetrics: [
          {
            Namespace: "Millrace",
            Dimensions: [["consumer"]],
            Metrics: [
              { Name: "stored_total", Unit: "Count" },
              { Name: "insert_seconds", Unit: "Seconds" },
            ],
          },
          {
            Namespace: "Millrace",
            Dimensions: [["consumer"], ["consumer", "shard"]],
            Metrics: [{ Name: "oldest_seconds", Unit: "Seconds" }],
          },
        ],
      },
      ...of,
      stored_total: 7,
      insert_seconds: [0.5, 0.25],
      oldest_seconds: [12],
    });
  });

  test("says why something was refused beside the sum, as no dimension", () => {
    const [document] = documents([
      aSum("letters_total", 1, { stage: "schema", code: "schema_conflict" }),
      aSum("letters_total", 2, { stage: "schema", code: "schema_conflict" }),
      aSum("letters_total", 4, { stage: "decode", code: "corrupt_frame" }),
    ]);
    expect(document).toMatchObject({
      letters_total: 7,
      by: { letters_total: { "schema/schema_conflict": 3, "decode/corrupt_frame": 4 } },
    });
    expect(document?._aws.CloudWatchMetrics.flatMap(({ Dimensions }) => Dimensions)).toEqual([["consumer"]]);
  });

  test("is several when there are more than a hundred values, or two shards, and nothing is told twice", () => {
    const many = Array.from({ length: 250 }, (_, value) => aValue("insert_seconds", value));
    const lines = documents([aSum("stored_total", 9), ...many]);
    expect(lines.map(({ insert_seconds }) => (insert_seconds as number[]).length)).toEqual([100, 100, 50]);
    expect(lines.flatMap(({ insert_seconds }) => insert_seconds)).toEqual(many.map(({ value }) => value));
    expect(lines.flatMap(({ stored_total }) => stored_total ?? [])).toEqual([9]);

    const two = documents([
      aSum("stored_total", 9),
      aValue("oldest_seconds", 1, { shard: SHARD }),
      aValue("oldest_seconds", 2, { shard: "other" }),
    ]);
    expect(two.map(({ shard, oldest_seconds, stored_total }) => [shard, oldest_seconds, stored_total])).toEqual([
      [SHARD, [1], 9],
      ["other", [2], undefined],
    ]);
  });

  test("is written whatever becomes of the invocation, holds only what is its own, and is none where nothing was counted", async () => {
    const lines: string[] = [];
    // Before the first invocation nobody wants to know.
    noteSample(aSum("early_total", 1));
    const handler = endsWithMetrics(
      "archive",
      async (frames: number) => {
        metrics.archived.frames(frames);
        if (frames === 2) throw new Error("away");
        return frames;
      },
      (line) => lines.push(line),
    );
    expect(await handler(3)).toBe(3);
    await expect(handler(2)).rejects.toThrow("away");
    expect(await handler(0)).toBe(0);
    const told = lines.map(metricDocument);
    expect(told.map(({ consumer, millrace_archive_frames_total: frames }) => [consumer, frames])).toEqual([
      ["archive", 3],
      ["archive", 2],
    ]);
    expect(lines.join()).not.toContain("early_total");
  });
});
