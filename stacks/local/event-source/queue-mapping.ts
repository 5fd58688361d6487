import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import type { SQSEvent } from "aws-lambda";
import type { LocalFunction } from "./function.ts";
import { PAYLOAD_BYTES_MAX } from "./kinesis-event.ts";
import type { LocalLog } from "./local-log.ts";
import { readPartialResponse } from "./partial-response.ts";
import { messagePayloadBytes, toSqsEvent } from "./sqs-event.ts";
import { backoffMs, createChange, pause } from "./wait.ts";

export type QueueMappingOptions = {
  sqs: SQSClient;
  queueUrl: string;
  function: LocalFunction<SQSEvent>;
  log: LocalLog;
  /** 1 to 10 messages, with a window up to 10,000; an invocation is also bounded by 6 MB of payload. */
  batchSize: number;
  windowMs: number;
  reportBatchItemFailures: boolean;
  /** Invocations at once. */
  maximumConcurrency: number;
};
export type QueueMapping = {
  /** Waits for the invocations in flight; what was received and not yet handed over is visible again at once. */
  stop: () => Promise<void>;
  inFlight: () => number;
};

/** SQS gives at most ten messages a call. */
const MESSAGES_PER_CALL = 10;
const LONG_POLL_SECONDS = 20;
const RETRY_MS_MAX = 2_000;

/**
 * Calls a handler with the messages of a standard queue as an SQS event-source mapping does: what succeeded is deleted,
 * the rest returns when its visibility timeout ends and goes to the dead-letter queue by the queue's own redrive policy.
 * Throws at once for a batch size that AWS refuses. Reliability 2.3.
 */
export function startQueueMapping(options: QueueMappingOptions): QueueMapping {
  const { sqs, queueUrl, log, batchSize, windowMs } = options;
  if (batchSize > MESSAGES_PER_CALL && windowMs < 1)
    throw new Error(`a batch of ${batchSize} messages needs a window: SQS gives at most ${MESSAGES_PER_CALL} at once`);
  const stopping = new AbortController();
  const { signal } = stopping;
  const running = new Set<Promise<void>>();
  const change = createChange();
  signal.addEventListener("abort", change.announce);
  let failures = 0;

  const poll = async (): Promise<void> => {
    const queueArn = await untilDone("the queue cannot be described", () => arnOf(sqs, queueUrl, signal));
    while (!signal.aborted) {
      if (running.size >= options.maximumConcurrency) {
        await change.wait();
        continue;
      }
      const messages = await gather();
      if (signal.aborted) await release(messages);
      else if (messages.length > 0) start(queueArn ?? queueUrl, messages);
    }
  };

  const start = (queueArn: string, messages: Message[]): void => {
    const work = handleAll(queueArn, messages).finally(() => {
      running.delete(work);
      change.announce();
    });
    running.add(work);
  };

  const handleAll = async (queueArn: string, messages: Message[]): Promise<void> => {
    for (const part of invocationsOf(messages)) await handle(queueArn, part);
  };

  const gather = async (): Promise<Message[]> => {
    const messages = await receive(Math.min(batchSize, MESSAGES_PER_CALL), LONG_POLL_SECONDS);
    if (messages.length === 0) return messages;
    const until = Date.now() + windowMs;
    while (!signal.aborted && messages.length < batchSize && Date.now() < until) {
      const room = Math.min(batchSize - messages.length, MESSAGES_PER_CALL);
      const more = await receive(room, 0);
      messages.push(...more);
      if (more.length === 0) await pause(Math.max(0, Math.min(20, until - Date.now())), signal);
    }
    return messages;
  };

  const receive = async (MaxNumberOfMessages: number, WaitTimeSeconds: number): Promise<Message[]> => {
    const command = new ReceiveMessageCommand({
      QueueUrl: queueUrl,
      MaxNumberOfMessages,
      WaitTimeSeconds,
      MessageSystemAttributeNames: ["All"],
      MessageAttributeNames: ["All"],
    });
    try {
      const { Messages = [] } = await sqs.send(command, { abortSignal: signal });
      if (failures > 0) log.info({ queue: queueUrl, failures }, "the queue can be read again");
      failures = 0;
      return Messages;
    } catch (error) {
      if (signal.aborted) return [];
      failures += 1;
      if (failures === 1) log.warn({ queue: queueUrl, err: error }, "the queue cannot be read, trying again");
      await pause(backoffMs(failures, RETRY_MS_MAX), signal);
      return [];
    }
  };

  const handle = async (queueArn: string, messages: Message[]): Promise<void> => {
    const invocation = await options.function.invoke(toSqsEvent(queueArn, messages));
    const about = { function: options.function.name, queue: queueUrl, messages: messages.length };
    if (invocation.kind === "throttled") {
      log.warn(about, "throttled: the messages return after their visibility timeout");
      await pause(backoffMs(1, RETRY_MS_MAX), signal);
      return;
    }
    if (invocation.kind === "failed") {
      log.warn({ ...about, err: invocation.error }, "batch failed: its messages return after their visibility timeout");
      return;
    }
    const ids = new Set(messages.map((message) => message.MessageId ?? ""));
    const verdict = options.reportBatchItemFailures
      ? readPartialResponse(invocation.value, ids)
      : { kind: "succeeded" as const };
    if (verdict.kind === "failed") {
      log.warn(about, "the handler's answer fails the whole batch: its messages return after their visibility timeout");
      return;
    }
    const failed = verdict.kind === "reported" ? verdict.ids : new Set<string>();
    if (failed.size > 0)
      log.warn({ ...about, failed: [...failed] }, "some messages return after their visibility timeout");
    await remove(messages.filter((message) => !failed.has(message.MessageId ?? "")));
  };

  /** A message that cannot be deleted comes again, so this tries as long as it may: also while stopping, but then once. */
  const remove = async (messages: Message[]): Promise<void> => {
    for (let at = 0; at < messages.length; at += MESSAGES_PER_CALL) {
      let Entries = messages
        .slice(at, at + MESSAGES_PER_CALL)
        .map(({ ReceiptHandle }, index) => ({ Id: `${index}`, ReceiptHandle }));
      await untilDone("done messages cannot be deleted", async () => {
        const { Failed = [] } = await sqs.send(new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries }));
        Entries = Entries.filter(({ Id }) => Failed.some((failure) => failure.Id === Id && !failure.SenderFault));
        if (Entries.length > 0) throw new Error(Failed[0]?.Message ?? "some deletions failed");
      });
    }
  };

  const release = async (messages: Message[]): Promise<void> => {
    for (let at = 0; at < messages.length; at += MESSAGES_PER_CALL) {
      const Entries = messages
        .slice(at, at + MESSAGES_PER_CALL)
        .map(({ ReceiptHandle }, index) => ({ Id: `${index}`, ReceiptHandle, VisibilityTimeout: 0 }));
      await sqs.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: queueUrl, Entries })).catch((error) => {
        log.warn({ queue: queueUrl, err: error }, "received messages stay hidden until their visibility timeout ends");
      });
    }
  };

  const untilDone = async <Result>(complaint: string, work: () => Promise<Result>): Promise<Result | undefined> => {
    for (let tries = 1; ; tries += 1) {
      try {
        return await work();
      } catch (error) {
        if (signal.aborted) return undefined;
        if (tries === 1) log.warn({ queue: queueUrl, err: error }, `${complaint}, trying again`);
        await pause(backoffMs(tries, RETRY_MS_MAX), signal);
      }
    }
  };

  const polling = poll();
  const stop = async (): Promise<void> => {
    stopping.abort();
    await polling;
    await Promise.all(running);
  };
  return { stop, inFlight: () => running.size };
}

/** As many messages as fit one invocation; one always does. */
function* invocationsOf(messages: Message[]): Generator<Message[]> {
  let [part, bytes]: [Message[], number] = [[], 0];
  for (const message of messages) {
    const own = messagePayloadBytes(message);
    if (part.length > 0 && bytes + own > PAYLOAD_BYTES_MAX) {
      yield part;
      [part, bytes] = [[], 0];
    }
    part.push(message);
    bytes += own;
  }
  if (part.length > 0) yield part;
}

async function arnOf(sqs: SQSClient, QueueUrl: string, abortSignal: AbortSignal): Promise<string> {
  const command = new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["QueueArn"] });
  return (await sqs.send(command, { abortSignal })).Attributes?.QueueArn ?? QueueUrl;
}
