import { expect, test } from "vitest";
import { metrics } from "../kit/metrics.ts";
import { aFrame, aRecord, MINUTE, NOW } from "../testing/builders.ts";
import { anSqsEvent } from "../testing/sqs-event.ts";
import { counted } from "./counted.ts";

const WITH_TIME = { getRemainingTimeInMillis: () => 60_000 };
const batch = (...indexes: number[]) => ({ Records: indexes.map((index) => aRecord(aFrame([]), index)) });
const failing = (count: number) => async () => ({
  batchItemFailures: Array.from({ length: count }, () => ({ itemIdentifier: "x" })),
});

/** What the registry says of a consumer: `name{shard}` → value. */
async function figures(consumer: string): Promise<Record<string, number>> {
  const all = (await metrics.json()).flatMap(({ name, values }) =>
    values
      .filter(({ labels }) => labels.consumer === consumer && labels.le === undefined)
      .map(({ value, labels, metricName = name }) => [`${metricName}{${labels.shard ?? ""}}`, value] as const),
  );
  return Object.fromEntries(all);
}

test("an invocation tells its shard's lag by its oldest record when it began", async () => {
  let ms = NOW + 2 * MINUTE;
  const slow = async () => {
    ms += MINUTE;
    return { batchItemFailures: [] };
  };
  const answer = await counted("slow", slow, () => ms)(batch(1, 2, 3), WITH_TIME);
  expect(answer).toEqual({ batchItemFailures: [] });
  const shard = "shardId-000000000000";
  expect(await figures("slow")).toEqual({
    [`millrace_consumer_records_sum{${shard}}`]: 3,
    [`millrace_consumer_records_count{${shard}}`]: 1,
    [`millrace_consumer_oldest_seconds_sum{${shard}}`]: 120,
    [`millrace_consumer_oldest_seconds_count{${shard}}`]: 1,
  });
});

test("what was left for another invocation makes it a failed one, as does what is thrown", async () => {
  await counted("failing", failing(0))(batch(1), WITH_TIME);
  await counted("failing", failing(2))(batch(1, 2), WITH_TIME);
  const throwing = counted("failing", async () => {
    throw new Error("away");
  });
  await expect(throwing(batch(1), WITH_TIME)).rejects.toThrow("away");
  expect(await figures("failing")).toMatchObject({ "millrace_consumer_invocations_failed_total{}": 2 });
});

test("messages of a queue have an age and no shard, and no message counts as nothing", async () => {
  await counted("queue", failing(0), () => NOW)({ Records: [] }, WITH_TIME);
  expect(await figures("queue")).toEqual({});
  const { Records } = anSqsEvent("a", "b");
  for (const { attributes } of Records) attributes.SentTimestamp = String(NOW - 5_000);
  await counted("queue", failing(0), () => NOW)({ Records }, WITH_TIME);
  expect(await figures("queue")).toMatchObject({
    "millrace_consumer_records_sum{}": 2,
    "millrace_consumer_oldest_seconds_sum{}": 5,
  });
});
