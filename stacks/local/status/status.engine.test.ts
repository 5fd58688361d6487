import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test, vi } from "vitest";
import { wire as wireDeliver } from "../../../functions/entry/deliver.ts";
import { endsWithMetrics } from "../../../functions/kit/metric-line.ts";
import { metrics } from "../../../functions/kit/metrics.ts";
import { createWriterState } from "../../../functions/stores/clickhouse/writer-state.ts";
import { EPOCH_KEY } from "../../../functions/stores/redis/epoch.ts";
import { aCheckedEvent, aFrame, DAY } from "../../../functions/testing/builders.ts";
import { forgetDataDir, newDataDir } from "../../../functions/testing/data-dir.ts";
import { type EngineSystem, openEngineSystem, type Tenant } from "../../../functions/testing/engine-system.ts";
import { eventually } from "../../../functions/testing/local-system.ts";
import { metricDocument } from "../../../functions/testing/metric-format.ts";
import { kinesisAt, sqsAt } from "../engines/engine-clients.ts";
import { closeServer } from "../engines/guarded-server.ts";
import { openCheckpoints } from "../event-source/checkpoints.ts";
import { createFunction } from "../event-source/function.ts";
import { toKinesisEvent } from "../event-source/kinesis-event.ts";
import { type KinesisMapping, startKinesisMapping } from "../event-source/kinesis-mapping.ts";
import { serveWorkerMetrics } from "../worker-metrics.ts";
import { isAway } from "./found.ts";
import { pageOf } from "./page.ts";
import { queueDepths } from "./queue-depths.ts";
import { statusOf } from "./status-of.ts";
import { workerFigures } from "./worker-figures.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
const WITH_TIME = { getRemainingTimeInMillis: () => 30_000 };
const NOWHERE = "http://127.0.0.1:9";
const SHARDS = ["shardId-000000000000", "shardId-000000000001"];

let system: EngineSystem;
let shop: Tenant;
beforeAll(async () => {
  system = await openEngineSystem(inject("engines"), { shards: 2 });
  await system.cache.client.set(EPOCH_KEY, String(Date.now() - 2 * DAY));
  shop = await system.tenant();
});
afterAll(() => system?.close());

const figures = async () => workerFigures(await metrics.json());
/** What the writer says of its events since `before`. */
async function since(before: Awaited<ReturnType<typeof figures>>) {
  const { events } = await figures();
  return Object.fromEntries(
    Object.entries(events).map(([name, value]) => [name, value - before.events[name as keyof typeof events]]),
  );
}
/** A batch of people, so many that both shards have records. */
const aBatch = () => ({
  batch: Array.from({ length: 16 }, (_, index) => ({
    ...{ type: "track", event: "Step", anonymousId: `anon-${index}`, messageId: randomUUID() },
    timestamp: new Date().toISOString(),
  })),
});
/** Hands every record of the stream to the writer, as one invocation a shard. */
async function invokeWriter(handler = wireDeliver(system.stores)) {
  for (const { shard, records } of await system.records())
    await handler(toKinesisEvent("arn:aws:kinesis:us-east-1:000000000000:stream/t", shard, records), WITH_TIME);
}

describe("the writer counts", () => {
  test("what it stored, what was there by position however a batch is cut again, and what it dropped by message id", async () => {
    let before = await figures();
    expect((await system.send(shop, "/v1/batch", aBatch())).body).toMatchObject({ accepted: 16 });
    await system.drainStream();
    expect(await since(before)).toEqual({ stored: 16, there: 0, repeated: 0, lookedUp: 0 });

    before = await figures();
    await system.drainStream();
    expect(await since(before)).toEqual({ stored: 0, there: 16, repeated: 0, lookedUp: 0 });

    before = await figures();
    await system.drainStream(1);
    expect(await since(before)).toEqual({ stored: 0, there: 16, repeated: 0, lookedUp: 0 });

    before = await figures();
    const repeat = aCheckedEvent({
      messageId: "repeat",
      sourceId: shop.sourceId,
      receivedAt: Date.now(),
      suspect: true,
    });
    await system.putRecord(aFrame([repeat, { ...repeat, messageId: "other" }], shop.workspaceId));
    await system.putRecord(aFrame([repeat], shop.workspaceId));
    await system.drainStream(1);
    // Two suspects of the first record, one of the second; what is there by position is not looked up.
    expect(await since(before)).toEqual({ stored: 2, there: 16, repeated: 1, lookedUp: 3 });
  });

  test("each insert's rows, bytes and seconds", async () => {
    await system.send(shop, "/v1/batch", aBatch());
    const histogram = async (name: string) => {
      const found = (await metrics.json()).find((metric) => metric.name === `millrace_writer_insert_${name}`);
      const value = (part: string) =>
        found?.values.find(({ metricName }) => metricName?.endsWith(`_${part}`))?.value ?? 0;
      return { sum: value("sum"), count: value("count") };
    };
    const names = ["rows", "bytes", "seconds"];
    const before = await Promise.all(names.map(histogram));
    await system.drainStream();
    const [rows, bytes, seconds] = (await Promise.all(names.map(histogram))).map(({ sum, count }, at) => ({
      sum: sum - (before[at]?.sum ?? 0),
      count: count - (before[at]?.count ?? 0),
    }));
    expect(rows).toEqual({ sum: 16, count: 2 });
    expect([bytes?.count, seconds?.count]).toEqual([2, 2]);
    expect(bytes?.sum).toBeGreaterThan(16 * 100);
    expect(seconds?.sum).toBeGreaterThan(0);
  });

  test("on Lambda, as a line an invocation that CloudWatch can read, with no workspace in it", async () => {
    const corrupt = aFrame([aCheckedEvent()]);
    corrupt.writeUInt8((corrupt.at(-1) ?? 0) ^ 1, corrupt.length - 1);
    await system.putRecord(corrupt);
    await system.send(shop, "/v1/batch", aBatch());
    const lines: string[] = [];
    await invokeWriter(endsWithMetrics("deliver", wireDeliver(system.stores), (line) => lines.push(line)));
    const told = lines.map(metricDocument);
    expect(told.map(({ consumer, shard }) => [consumer, shard])).toEqual(SHARDS.map((shard) => ["deliver", shard]));
    const total = (name: string) => told.reduce((sum, document) => sum + Number(document[name] ?? 0), 0);
    expect(total("millrace_writer_events_stored_total")).toBe(16);
    expect(total("millrace_writer_dead_letters_total")).toBe(1);
    expect(told.flatMap(({ by }) => by ?? [])).toEqual([
      { millrace_writer_dead_letters_total: { "decode/corrupt_frame": 1 } },
    ]);
    for (const document of told) expect(document.millrace_consumer_oldest_seconds).toEqual([expect.any(Number)]);
    expect(lines.join()).not.toContain(shop.workspaceId);
    expect(lines.join()).not.toContain(shop.sourceId);
  });
});

describe("the workers' metrics and npm run status", () => {
  let folder: string;
  let mapping: KinesisMapping;
  let served: Awaited<ReturnType<typeof serveWorkerMetrics>>;
  const held = Promise.withResolvers<void>();
  const [kinesis, sqs] = [kinesisAt(inject("engines").stream.url), sqsAt(inject("engines").queues.url)];

  beforeAll(async () => {
    folder = join(await newDataDir(), "workers");
    await mkdir(folder, { recursive: true });
    mapping = startKinesisMapping({
      kinesis,
      stream: system.settings.stream,
      // A writer that does not end its batch: everything on the stream is behind.
      function: createFunction({
        name: "held",
        handler: () => held.promise.then(() => ({ batchItemFailures: [] })),
        timeoutMs: 60_000,
      }),
      checkpoints: await openCheckpoints(join(folder, "held.json")),
      log: { info: () => {}, warn: () => {}, error: () => {} },
      ...{ batchSize: 10_000, windowMs: 0, startingPosition: "TRIM_HORIZON" },
      ...{ maximumRetryAttempts: -1, maximumRecordAgeSeconds: -1 },
      ...{ bisectOnError: true, reportBatchItemFailures: true },
    });
    served = await serveWorkerMetrics(
      {
        lags: () => ({ held: mapping.lag() }),
        queues: async (signal) => queueDepths(sqs, signal),
        writerState: createWriterState(system.clickhouse),
      },
      0,
    );
  });
  afterAll(async () => {
    held.resolve();
    await mapping.stop();
    await closeServer(served.server, 0);
    for (const client of [kinesis, sqs]) client.destroy();
    await forgetDataDir(join(folder, ".."));
  });

  const url = () => `http://127.0.0.1:${served.port}`;
  const textOf = async () => (await fetch(`${url()}/metrics`)).text();
  const status = (reached: Partial<Parameters<typeof statusOf>[0]> = {}) =>
    statusOf(
      {
        streamUrl: inject("engines").stream.url,
        queuesUrl: inject("engines").queues.url,
        clickhouseUrl: inject("engines").warehouse.url,
        workersUrl: url(),
        ...reached,
      },
      folder,
      { stream: system.settings.stream, database: system.settings.clickhouse.database },
    );

  test("tell the lag of each shard in records and seconds, what waits, the table's rows and parts, and the rate of dead letters", async () => {
    const onStream = (await system.records()).map(({ records }) => records.length);
    expect(Math.min(...onStream)).toBeGreaterThan(0);
    await eventually(async () => {
      const text = await textOf();
      for (const [at, shard] of SHARDS.entries()) {
        const labels = `{consumer="held",shard="${shard}"}`;
        expect(text).toContain(`millrace_consumer_behind_records${labels} ${onStream[at]}\n`);
        expect(text).toMatch(new RegExp(`millrace_consumer_behind_seconds${labels} \\d`));
      }
    });
    await system.drainStream();
    await system.drainDeadLetters();
    const text = await textOf();
    const rows = 16 * 3 + 2;
    expect(text).toContain(`millrace_events_rows ${rows}\n`);
    expect(text).toMatch(/millrace_events_parts [1-9]/);
    expect(text).toMatch(/millrace_queue_messages\{queue="t[0-9a-f]+-dlq",state="waiting"\} \d/);
    expect(text).toMatch(/millrace_dead_letters_kept_total\{stage="decode",code="corrupt_frame"\} [1-9]/);
    const rate = 1 / (rows + 1);
    expect(text).toContain(`millrace_dead_letter_rate{stage="decode",code="corrupt_frame"} ${rate}`);
    expect(text).not.toContain(shop.workspaceId);
  });

  test("the command finds the same", async () => {
    const found = await status();
    if (Object.values(found).some(isAway)) throw new Error(JSON.stringify(found));
    const onStream = (await system.records()).map(({ shard, records }) => [shard, records.length]);
    expect(found.consumers).toMatchObject([
      { name: "held", shards: onStream.map(([shard, records]) => ({ shard, records, more: false })) },
    ]);
    expect(found.workers).toEqual(await figures());
    expect(found.workers).toMatchObject({ inserts: { since: "minute" }, events: { stored: 50 }, lettersKept: 2 });
    expect(found.writer).toMatchObject({ rowsLastHour: 50, letters: [{ code: "corrupt_frame", letters: 1 }] });
    expect(pageOf(found, Date.now())).toMatch(/refused\s+last hour\s+1\s+1\.96 % of 51 events/);
  });

  test("with the workers dead the lag is known all the same; without an engine the others answer", async () => {
    const dead = await status({ workersUrl: NOWHERE });
    expect(isAway(dead.workers)).toBe(true);
    expect(dead.consumers).toMatchObject([{ name: "held", shards: [{ more: false }, { more: false }] }]);
    expect(pageOf(dead, Date.now())).toMatch(/workers\s+unknown\s+does not answer/);
    const alone = await status({ streamUrl: NOWHERE, queuesUrl: NOWHERE, clickhouseUrl: NOWHERE });
    expect(Object.values(alone).map(isAway)).toEqual([true, true, true, false]);
    expect(pageOf(alone, Date.now())).toMatch(/dedup\s+since workers began/);
  });

  test("what an engine that is away would tell is left out, and nobody waits for it", async () => {
    const never = new Promise<never>(() => {});
    const away = await serveWorkerMetrics({ lags: () => ({}), queues: () => never, writerState: () => never }, 0, 100);
    try {
      const text = await (await fetch(`http://127.0.0.1:${away.port}/metrics`)).text();
      expect(text).not.toMatch(/^millrace_(events_rows|queue_messages|consumer_behind_records)\b.*\d$/m);
      expect(text).toMatch(/^millrace_writer_events_stored_total \d/m);
    } finally {
      await closeServer(away.server, 0);
    }
  });

  test.each<[string, Record<string, string>, number]>([
    ["its own name", {}, 200],
    ["a foreign Host", { host: "rebound.example" }, 403],
    ["a web page's Origin", { origin: "http://127.0.0.1:3000" }, 403],
  ])("%s in a request decides whether it is answered", async (_, headers, expected) => {
    const answered = await new Promise<number | undefined>((resolve, reject) => {
      const options = { port: served.port, host: "127.0.0.1", path: "/metrics", headers };
      request(options, (response) => resolve(response.resume().statusCode))
        .once("error", reject)
        .end();
    });
    expect(answered).toBe(expected);
  });
});
