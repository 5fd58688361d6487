import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CreateStreamCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  PutRecordsCommand,
} from "@aws-sdk/client-kinesis";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { kinesisAt } from "../engine-clients.ts";
import { closeServer, listenGuarded } from "../guarded-server.ts";
import { openKinesalite } from "./kinesalite.ts";
import { trimExpired } from "./trim-expired.ts";

// Engines in processes of their own, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const HOUR = 3_600_000;
let dataDir: string;
let close: () => Promise<void>;
let open: Awaited<ReturnType<typeof openKinesalite>>;
let url: string;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "millrace-trim-"));
  open = await openKinesalite(dataDir);
  const { server, port } = await listenGuarded(open.handle, 0);
  url = `http://127.0.0.1:${port}`;
  close = () => closeServer(server);
});
afterAll(async () => {
  await close();
  await new Promise<void>((resolve) => open.store.db.close(() => resolve()));
  await rm(dataDir, { recursive: true, force: true });
});

test("records older than the retention are deleted, whoever reads; younger ones stay", async () => {
  const kinesis = kinesisAt(url);
  await kinesis.send(new CreateStreamCommand({ StreamName: "s", ShardCount: 2 }));
  const put = () =>
    kinesis.send(
      new PutRecordsCommand({
        StreamName: "s",
        Records: Array.from({ length: 500 }, (_, index) => ({ Data: Buffer.from("x"), PartitionKey: `${index}` })),
      }),
    );
  await expect
    .poll(
      () =>
        put().then(
          () => true,
          () => false,
        ),
      { timeout: 60_000 },
    )
    .toBe(true);
  for (let call = 0; call < 5; call += 1) await put();

  expect(await trimExpired(open.store, Date.now() + 23 * HOUR)).toBe(0);
  expect(await trimExpired(open.store, Date.now() + 25 * HOUR)).toBe(3_000);
  await put();
  const at = { StreamName: "s", ShardId: "shardId-000000000000", ShardIteratorType: "TRIM_HORIZON" as const };
  const { ShardIterator } = await kinesis.send(new GetShardIteratorCommand(at));
  const left = await kinesis.send(new GetRecordsCommand({ ShardIterator }));
  expect(left.Records?.length).toBeGreaterThan(100);
  expect(left.Records?.length).toBeLessThan(500);
});
