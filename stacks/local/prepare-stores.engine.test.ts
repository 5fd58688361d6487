import { PutRecordCommand } from "@aws-sdk/client-kinesis";
import { PurgeQueueCommand, ReceiveMessageCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
import { expect, inject, test, vi } from "vitest";
import { EPOCH_KEY } from "../../functions/stores/redis/epoch.ts";
import { startCache } from "../../functions/testing/start-cache.ts";
import { kinesisAt, sqsAt } from "./engines/engine-clients.ts";
import { LOCAL } from "./local-mode.ts";
import { prepareStores } from "./prepare-stores.ts";

vi.setConfig({ testTimeout: 120_000 });

/** Whether claims are believed, by a cache that has just been started over engines that ran before. */
async function startsWithBelief(): Promise<boolean> {
  const { stream, queues, warehouse, database } = inject("engines");
  const cache = await startCache();
  try {
    await prepareStores({
      streamUrl: stream.url,
      queuesUrl: queues.url,
      clickhouseUrl: warehouse.url,
      postgresUrl: database.url,
      cacheUrl: cache.url,
    });
    return (await cache.client.exists(EPOCH_KEY)) === 1;
  } finally {
    await cache.stop();
  }
}

test("15a an empty cache is believed over an empty table, and not while anything is on its way there", async () => {
  const { stream, queues } = inject("engines");
  expect(await startsWithBelief()).toBe(true);

  // Killed with everything, before the queue gave back what the stream did not take.
  const sqs = sqsAt(queues.url);
  const QueueUrl = `${queues.url}/000000000000/${LOCAL.retry}`;
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "spilled" }));
  await sqs.send(new ReceiveMessageCommand({ QueueUrl }));
  expect(await startsWithBelief()).toBe(false);
  await sqs.send(new PurgeQueueCommand({ QueueUrl }));

  // Killed with everything, before the writer stored what the stream holds.
  const kinesis = kinesisAt(stream.url);
  const Data = Buffer.from("a frame");
  await kinesis.send(new PutRecordCommand({ StreamName: LOCAL.stream, PartitionKey: "k", Data }));
  expect(await startsWithBelief()).toBe(false);
  for (const client of [sqs, kinesis]) client.destroy();
});
