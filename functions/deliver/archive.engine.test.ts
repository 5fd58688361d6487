import { hash } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { GetObjectCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import type { KinesisStreamEvent } from "aws-lambda";
import { afterAll, beforeAll, describe, expect, inject, test, vi } from "vitest";
import { startChild } from "../../stacks/local/child.ts";
import { kinesisAt, s3At } from "../../stacks/local/engines/engine-clients.ts";
import { openCheckpoints } from "../../stacks/local/event-source/checkpoints.ts";
import { createFunction } from "../../stacks/local/event-source/function.ts";
import type { FailedInvocation } from "../../stacks/local/event-source/invocation-record.ts";
import { toKinesisEvent } from "../../stacks/local/event-source/kinesis-event.ts";
import { startKinesisMapping } from "../../stacks/local/event-source/kinesis-mapping.ts";
import { onFailureToS3 } from "../../stacks/local/event-source/on-failure-to-s3.ts";
import { wire as wireArchive } from "../entry/archive.ts";
import { wire as wireDeliver } from "../entry/deliver.ts";
import { log } from "../kit/log.ts";
import { forgetDataDir, newDataDir } from "../testing/data-dir.ts";
import { type EngineSystem, openEngineSystem, type Tenant } from "../testing/engine-system.ts";
import type { ArchiveOptions } from "../testing/faults/archive-process.ts";
import { createChance } from "../testing/faults/chance.ts";
import { readRecords } from "./archive-layout.ts";
import { ArchiveManifest } from "./archive-manifest.ts";
import { covering, folderOf, keysOf, rangeOf } from "./archive-name.ts";

log.level = "silent";
vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 });
const WITH_TIME = { getRemainingTimeInMillis: () => 30_000 };
const LIMIT = { timeout: 120_000, interval: 200 };
const BATCHES = 20;
const EVENTS_EACH = 3;

let system: EngineSystem;
let dataDir: string;
let shop: Tenant;
let other: Tenant;
beforeAll(async () => {
  dataDir = await newDataDir();
  system = await openEngineSystem(inject("engines"), { shards: 2 });
  [shop, other] = [await system.tenant(), await system.tenant()];
  for (let batch = 0; batch < BATCHES; batch++)
    for (const tenant of batch % 4 === 0 ? [shop, other] : [shop]) await sendBatch(tenant, batch);
  await system.putRecord(Buffer.from([9, 0, 1, 0, 0, 0, 1]));
});
afterAll(async () => {
  await system?.close();
  await forgetDataDir(dataDir);
});

async function sendBatch(tenant: Tenant, batch: number) {
  const events = Array.from({ length: EVENTS_EACH }, (_, index) => ({
    ...{ type: "track", event: "Order Completed", anonymousId: `anon-${batch % 5}`, messageId: `m-${batch}-${index}` },
    timestamp: new Date().toISOString(),
    properties: { price: batch + index / 10, note: "é".repeat(batch) },
  }));
  const { status, body } = await system.send(tenant, "/v1/batch", { batch: events });
  expect([status, body.accepted]).toEqual([200, EVENTS_EACH]);
}

const arnOf = (stream: string) => `arn:aws:kinesis:us-east-1:000000000000:stream/${stream}`;
type Shards = Awaited<ReturnType<EngineSystem["records"]>>;

/** Hands the stream to a consumer, so many records at a time. */
async function drain(handler: ReturnType<typeof wireArchive>, shards: Shards, batchSize: number) {
  for (const { shard, records } of shards)
    for (let at = 0; at < records.length; at += batchSize) {
      const batch = toKinesisEvent(arnOf(system.settings.stream), shard, records.slice(at, at + batchSize));
      expect(await handler(batch, WITH_TIME)).toEqual({ batchItemFailures: [] });
    }
}
const archiveAll = async (batchSize: number) => drain(wireArchive(system.stores), await system.records(), batchSize);

/** What a reader finds below a folder: the records of each shard, and in how many objects. */
async function archived(folder: string) {
  const { keysIn, get } = system.stores.archive;
  const ranges = (await keysIn(folder)).map(rangeOf).filter((range) => range !== undefined);
  const found = new Map<string, string>();
  for (const hour of new Set(ranges.map((range) => range.hour)))
    for (const range of covering(ranges.filter((one) => one.hour === hour)))
      for (const { seq, record } of readRecords(await get(keysOf(folder, range).data)))
        found.set(`${range.shard}:${seq}`, hash("sha256", record));
  return { found, objects: ranges.length };
}
const everywhere = [() => folderOf(shop.workspaceId), () => folderOf(other.workspaceId), () => "archive/corrupt/"];
async function archivedOfAll(below = ""): Promise<Map<string, string>> {
  const all = await Promise.all(everywhere.map((folder) => archived(`${below}${folder()}`)));
  return new Map(all.flatMap(({ found }) => [...found]));
}
const onStream = async () =>
  new Map(
    (await system.records()).flatMap(({ shard, records }) =>
      records.map(({ sequenceNumber, data }) => [`${shard}:${sequenceNumber}`, hash("sha256", data)] as const),
    ),
  );
/** The records that came since. */
const behind = async (already: Map<string, string>): Promise<Shards> =>
  (await system.records()).map(({ shard, records }) => ({
    shard,
    records: records.filter(({ sequenceNumber }) => !already.has(`${shard}:${sequenceNumber}`)),
  }));
const sorted = (map: Map<string, string>) => [...map].toSorted(([a], [b]) => (a < b ? -1 : 1));

const WIDE = { from: "2020-01-01", to: "2100-01-01" };
const replay = (tenant: Tenant, body: object = {}) => system.ask(tenant, "/archive/replay", { ...WIDE, ...body });

/** The rows of a workspace without where they were on the stream. */
async function rows({ workspaceId }: Tenant): Promise<string[]> {
  const sql = `SELECT * EXCEPT (_shard, _seq, _sub) FROM events WHERE workspace_id = {workspaceId: UUID} ORDER BY message_id`;
  const answer = await system.clickhouse.query({
    query: sql,
    query_params: { workspaceId },
    format: "JSONEachRow",
    clickhouse_settings: { output_format_json_quote_64bit_integers: 1 },
  });
  return (await answer.json<object>()).map((row) => JSON.stringify(row));
}

test("B-08 a consumer that is killed between an object and its manifest leaves nothing out of the archive", async () => {
  const options: ArchiveOptions = {
    stores: system.settings,
    streamUrl: system.settings.aws.endpoint ?? "",
    checkpoints: join(dataDir, "archive.json"),
    batchSize: 6,
  };
  const file = fileURLToPath(new URL("../testing/faults/archive-process.ts", import.meta.url));
  const env = { env: { LOG_LEVEL: "silent" } };
  for (const [kill, batchSize] of [6, 4, 7].entries()) {
    const child = await startChild(file, { ...options, batchSize, killAt: kill + 1 }, env);
    expect(await child.exited).toEqual({ code: null, signal: "SIGKILL" });
    if (kill > 0) continue;
    const left = (await Promise.all(everywhere.map((folder) => system.stores.archive.keysIn(folder())))).flat();
    expect(left.length).toBeGreaterThan(0);
    expect(left.filter((key) => !key.endsWith(".frames"))).toEqual([]);
  }
  const last = await startChild(file, options, env);
  const sent = sorted(await onStream());
  expect(sent.length).toBeGreaterThan(BATCHES);
  await expect.poll(async () => sorted(await archivedOfAll()), LIMIT).toEqual(sent);
  await last.stop();
});

test("everything on the stream is in the archive, byte by byte, however batches are cut again; each workspace's in its own", async () => {
  const before = (await archived(folderOf(shop.workspaceId))).objects;
  for (const batchSize of [10, 3, 1, 7]) await archiveAll(batchSize);
  const { objects, found } = await archived(folderOf(shop.workspaceId));
  expect(objects).toBeGreaterThan(before);
  expect(sorted(await archivedOfAll())).toEqual(sorted(await onStream()));
  expect((await archived("archive/corrupt/")).found.size).toBe(1);
  const others = (await archived(folderOf(other.workspaceId))).found;
  expect([...others.keys()].filter((key) => found.has(key))).toEqual([]);
});

test.each([1, 2, 3])(
  "seed %i: puts that fail, or whose answer is lost, and batches that are halved leave nothing out",
  async (seed) => {
    const chance = createChance(seed);
    const below = `seed-${seed}/`;
    const put: typeof system.stores.archive.put = async (key, body, signal) => {
      if (chance() < 0.25) throw new Error("the bucket is away");
      await system.stores.archive.put(`${below}${key}`, body, signal);
      if (chance() < 0.15) throw new Error("the answer is lost");
    };
    const archive = wireArchive({ ...system.stores, archive: { ...system.stores.archive, put } });
    const mapping = startKinesisMapping({
      kinesis: kinesisAt(system.settings.aws.endpoint ?? ""),
      stream: system.settings.stream,
      function: createFunction({
        name: "archive",
        timeoutMs: 30_000,
        handler: async (event: KinesisStreamEvent) => {
          const answer = await archive(event, WITH_TIME);
          // What an invocation did before it died stays, and Lambda halves its batch.
          if (chance() < 0.3) throw new Error("killed");
          return answer;
        },
      }),
      checkpoints: await openCheckpoints(join(dataDir, `seed-${seed}.json`)),
      log,
      ...{ batchSize: 12, windowMs: 0, retryDelayMaxMs: 5 },
      startingPosition: "TRIM_HORIZON",
      ...{ maximumRetryAttempts: -1, maximumRecordAgeSeconds: -1, bisectOnError: true, reportBatchItemFailures: true },
    });
    const sent = sorted(await onStream());
    try {
      await expect.poll(async () => sorted(await archivedOfAll(below)), LIMIT).toEqual(sent);
    } finally {
      await mapping.stop();
    }
  },
);

test("a manifest says of its object what is in it", async () => {
  const { keysIn, get } = system.stores.archive;
  const keys = (await keysIn(folderOf(shop.workspaceId))).filter((key) => key.endsWith(".json"));
  for (const key of keys.slice(0, 5)) {
    const manifest = ArchiveManifest.parse(JSON.parse((await get(key)).toString()));
    const object = await get(manifest.object);
    const seqs = [...readRecords(object)].map(({ seq }) => seq);
    expect([manifest.bytes, manifest.records]).toEqual([object.length, seqs.length]);
    expect([manifest.first_seq, manifest.last_seq]).toEqual([seqs[0], seqs.at(-1)]);
    expect(manifest).toMatchObject({ workspace_id: shop.workspaceId, sources: [shop.sourceId] });
  }
});

test("GET /archive lists the hours of the caller's workspace only", async () => {
  const { body } = await system.ask(shop, "/archive");
  const events = body.hours.reduce((sum: number, hour: { events: number }) => sum + hour.events, 0);
  expect(events).toBeGreaterThanOrEqual(BATCHES * EVENTS_EACH);
  expect(body.hours[0]).toMatchObject({ hour: expect.stringMatching(/:00:00\.000Z$/), bytes: expect.any(Number) });
  expect((await system.ask(await system.tenant(), "/archive")).body).toEqual({ hours: [], next_cursor: null });
});

describe("a replay", () => {
  test("F42 over a full table adds nothing, and does not fill the archive with itself", async () => {
    await system.drainStream();
    const before = await rows(shop);
    expect(before).toHaveLength(BATCHES * EVENTS_EACH);
    const dry = await replay(shop, { dry_run: true });
    expect(dry).toMatchObject({ status: 200, body: { events: BATCHES * EVENTS_EACH, truncated: false } });
    const done = await replay(shop);
    expect(done).toMatchObject({ status: 202, body: { events: BATCHES * EVENTS_EACH, skipped: 0, next_cursor: null } });
    // Delivered twice by the queue, as queues do.
    expect(await system.drainRetries(2)).toBeGreaterThan(0);
    await system.drainStream(4);
    expect(await rows(shop)).toEqual(before);
    await archiveAll(10);
    expect((await replay(shop, { dry_run: true })).body.events).toBe(BATCHES * EVENTS_EACH);
  });

  test("into an emptied table restores exactly what was there, and nothing of another workspace", async () => {
    const before = await rows(shop);
    await system.clickhouse.command({ query: "TRUNCATE TABLE events SYNC" });
    const already = await onStream();
    await replay(shop);
    await system.drainRetries();
    await drain(wireDeliver(system.stores), await behind(already), 5);
    expect(await rows(shop)).toEqual(before);
    expect(await rows(other)).toEqual([]);
  });

  test("F18 restores what the writer gave up after its retries", async () => {
    const before = await rows(shop);
    for (const batch of [1, 2, 3]) await sendBatch(shop, 100 + batch);
    await archiveAll(10);
    const failed: FailedInvocation[] = [];
    const s3 = s3At(system.settings.archive.endpoint ?? "");
    const bucket = system.settings.archive.bucket ?? "";
    const keepFailure = onFailureToS3(s3, bucket);
    const mapping = startKinesisMapping({
      kinesis: kinesisAt(system.settings.aws.endpoint ?? ""),
      stream: system.settings.stream,
      function: createFunction({
        name: "deliver",
        timeoutMs: 30_000,
        handler: () => Promise.reject(new Error("away")),
      }),
      checkpoints: await openCheckpoints(join(dataDir, "deliver.json")),
      log,
      ...{ batchSize: 10_000, windowMs: 0 },
      startingPosition: "TRIM_HORIZON",
      ...{ maximumRetryAttempts: 0, maximumRecordAgeSeconds: -1, bisectOnError: false, reportBatchItemFailures: true },
      onFailure: async (invocation) => {
        await keepFailure(invocation);
        failed.push(invocation);
      },
    });
    const sent = await onStream();
    const givenUp = () => failed.flatMap(({ event }) => event.Records.map(({ eventID }) => eventID));
    await expect.poll(() => givenUp().length, { timeout: 60_000 }).toBe(sent.size);
    await mapping.stop();
    expect(await rows(shop)).toEqual(before);
    // The object holds the records themselves, so that they outlive the stream's retention.
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: "aws/lambda/" }));
    const objects = await Promise.all(
      Contents.map(async ({ Key }) =>
        (await s3.send(new GetObjectCommand({ Bucket: bucket, Key }))).Body?.transformToString(),
      ),
    );
    s3.destroy();
    const payloads = objects.map((object) => JSON.parse(JSON.parse(object ?? "{}").payload) as KinesisStreamEvent);
    const keptRecords = payloads.flatMap(({ Records }) => Records.map(({ kinesis }) => kinesis.data));
    expect(keptRecords.toSorted()).toEqual(
      failed.flatMap(({ event }) => event.Records.map(({ kinesis }) => kinesis.data)).toSorted(),
    );

    await replay(shop);
    await system.drainRetries();
    await drain(wireDeliver(system.stores), await behind(sent), 5);
    expect(await rows(shop)).toHaveLength(before.length + 3 * EVENTS_EACH);
  });

  test("F42 under live traffic adds nothing, and the traffic is stored once", async () => {
    const [before, already] = [await rows(shop), await onStream()];
    const live = [201, 202, 203, 204].reduce(
      (sent, batch) => sent.then(() => sendBatch(shop, batch)),
      Promise.resolve(),
    );
    const deliver = wireDeliver(system.stores);
    const draining = (async () => {
      for (const batchSize of [1, 4, 3]) await drain(deliver, await behind(already), batchSize);
    })();
    const replayed = replay(shop).then(() => system.drainRetries(2));
    await Promise.all([live, draining, replayed]);
    await system.drainRetries();
    await drain(deliver, await behind(already), 5);
    const after = await rows(shop);
    expect(after).toHaveLength(before.length + 4 * EVENTS_EACH);
    expect(new Set(after).size).toBe(after.length);
  });

  test("of another source, or of a time in which nothing came, sends nothing", async () => {
    expect((await replay(shop, { source_id: other.sourceId })).body).toMatchObject({ events: 0, records: 0 });
    expect((await replay(shop, { to: "2020-01-02" })).body).toMatchObject({ events: 0, records: 0 });
    expect(await system.drainRetries()).toBe(0);
  });
});
