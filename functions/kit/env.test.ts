import { describe, expect, test } from "vitest";
import { readEnv } from "./env.ts";

describe("the environment", () => {
  test("has a value for every limit when nothing is set", () => {
    expect(readEnv({})).toMatchObject({
      log: { level: "info", payloadOnError: true },
      limits: { eventBytesMax: 102_400, batchBytesMax: 1_048_576 },
      publish: { budgetMs: 300, orderBuckets: 4 },
      stores: { stream: "events", clickhouse: { database: "cdp", username: "default" } },
    });
  });

  test("counts kilobytes of 1,024 bytes", () => {
    const { limits } = readEnv({ PAYLOAD_LIMIT_KB: "32", BATCH_PAYLOAD_LIMIT_KB: "512" });
    expect(limits).toEqual({ eventBytesMax: 32_768, batchBytesMax: 524_288 });
  });

  test("that is wrong is refused with every wrong name at once, and without the values of the others", () => {
    const wrong = {
      PAYLOAD_LIMIT_KB: "lots",
      BATCH_PAYLOAD_LIMIT_KB: "100",
      LOG_LEVEL: "loud",
      ORDER_BUCKETS: "-1",
      CLICKHOUSE_URL: "here",
      CLICKHOUSE_PASSWORD: "hunter2",
    };
    let message = "";
    try {
      readEnv(wrong);
    } catch (error) {
      message = String(error);
    }
    for (const name of Object.keys(wrong)) if (name !== "CLICKHOUSE_PASSWORD") expect(message).toContain(`${name}:`);
    expect(message).not.toContain("hunter2");
    expect(message).not.toContain("CLICKHOUSE_PASSWORD");
  });

  test.each([
    ["0", false],
    ["false", false],
    ["true", true],
    ["1", true],
  ])("LOG_PAYLOAD_ON_ERROR=%s is %s", (text, on) => {
    expect(readEnv({ LOG_PAYLOAD_ON_ERROR: text }).log.payloadOnError).toBe(on);
  });

  test("takes an empty variable for one that is not set: shells and consoles cannot say it otherwise", () => {
    expect(readEnv({ ORDER_BUCKETS: "", PAYLOAD_LIMIT_KB: "", CLICKHOUSE_URL: "" })).toEqual(readEnv({}));
  });

  test("can key every event by its own id", () => {
    expect(readEnv({ ORDER_BUCKETS: "0" }).publish.orderBuckets).toBe(0);
  });
});
