import { GetQueueAttributesCommand, GetQueueUrlCommand } from "@aws-sdk/client-sqs";
import { expect, test, vi } from "vitest";
import { sqsAt } from "../../../stacks/local/engines/engine-clients.ts";
import { LOCAL } from "../../../stacks/local/local-mode.ts";
import { LOCAL_SOURCE_ID } from "../../stores/postgres/local-seed.ts";
import { manage as manageOf, post, sql } from "../local-client.ts";
import { eventually } from "../local-system.ts";
import { useLocalSystem } from "../use-local-system.ts";

vi.setConfig({ testTimeout: 300_000 });
const system = useLocalSystem();

/** A message that a dead worker held is visible again after a minute. */
const BACK_MS = 110_000;

const headers = { authorization: `Bearer ${LOCAL.apiToken}` };
// biome-ignore lint/suspicious/noExplicitAny: answers are read by the tests that know them
const manage = (path: string, body?: object) => manageOf<any>(system.running(), body ? "POST" : "GET", path, body);
const anOrder = (price: unknown, messageId: string) => ({
  ...{ event: "Order", userId: "u1", messageId, timestamp: new Date().toISOString() },
  properties: { price },
});
const letterOf = (messageId: string) =>
  eventually(async () => {
    const { body } = await manage(`/dlq?message_id=${messageId}`);
    expect(body.letters).toHaveLength(1);
    return body.letters[0];
  }, BACK_MS);

test("what is refused is on the live page and among the dead letters; edited and replayed while the workers are dead, it is stored", async () => {
  await post(system.running(), "/v1/track", anOrder(1, "o-1"));
  const live = await fetch(`${system.running().apiUrl}/live?source_id=${LOCAL_SOURCE_ID}`, { headers });
  expect((await post(system.running(), "/v1/track", anOrder("free", "o-2"))).status).toBe(400);
  const reader = live.body?.getReader();
  let said = "";
  while (!said.includes("o-2")) said += new TextDecoder().decode((await reader?.read())?.value);
  await reader?.cancel();
  expect(said).toContain('"code":"schema_conflict"');

  const { id } = await letterOf("o-2");
  process.kill(system.running().children.workers ?? 0, "SIGKILL");
  const replay = await manage(`/dlq/${id}/replay`, { payload: anOrder(2, "o-2") });
  expect(replay.status).toBe(202);
  await eventually(async () => {
    expect(await sql(system.running(), "SELECT count() FROM events WHERE message_id = 'o-2'")).toEqual([[1]]);
  }, BACK_MS);
  const { body } = await manage("/events/o-2/trace");
  expect(body.steps.map(({ stage, outcome }: Record<string, string>) => `${stage} ${outcome}`)).toEqual([
    "door rejected",
    "dead_letter dead_lettered",
    "replay replayed",
    "door accepted",
    "table stored",
  ]);
});

test("a refusal while the warehouse is gone is a dead letter once it is back", async () => {
  process.kill(system.running().children.warehouse ?? 0, "SIGKILL");
  expect((await post(system.running(), "/v1/track", anOrder("none", "o-3"))).status).toBe(400);
  expect(await letterOf("o-3")).toMatchObject({ code: "schema_conflict", attempt: 1 });
});

test.each(["dlq", "retry"])(
  "the queue %s hides a message six times as long as its function may take, and is not given up while an engine is away for half a day",
  async (name) => {
    const sqs = sqsAt(system.running().queuesUrl);
    const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: name }));
    const { Attributes = {} } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] }));
    sqs.destroy();
    expect(Number(Attributes.VisibilityTimeout) * 1_000).toBeGreaterThanOrEqual(6 * LOCAL.queueFunctionMs);
    const redrive = JSON.parse(Attributes.RedrivePolicy ?? "{}");
    expect(redrive).toMatchObject({ deadLetterTargetArn: expect.stringMatching(`:${name}-dead$`) });
    const triesSeconds = Number(Attributes.VisibilityTimeout) * Number(redrive.maxReceiveCount);
    expect(triesSeconds).toBeGreaterThanOrEqual(12 * 60 * 60);
    expect(Number(Attributes.MessageRetentionPeriod)).toBeGreaterThan(triesSeconds);
  },
);
