import { GetQueueAttributesCommand, ListQueuesCommand, type SQSClient } from "@aws-sdk/client-sqs";

/** `waiting` are messages that nobody has, `inFlight` those that somebody works on. */
export type QueueDepth = { name: string; waiting: number; inFlight: number };

/** How many messages each queue holds, by name; given up when `abortSignal` says so. */
export async function queueDepths(sqs: SQSClient, abortSignal: AbortSignal): Promise<QueueDepth[]> {
  const { QueueUrls = [] } = await sqs.send(new ListQueuesCommand({}), { abortSignal });
  return Promise.all(
    QueueUrls.toSorted().map(async (QueueUrl) => {
      const asked = new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] });
      const { Attributes } = await sqs.send(asked, { abortSignal });
      const figure = (name: keyof NonNullable<typeof Attributes>) => Number(Attributes?.[name] ?? 0);
      return {
        name: QueueUrl.split("/").at(-1) ?? "",
        waiting: figure("ApproximateNumberOfMessages"),
        inFlight: figure("ApproximateNumberOfMessagesNotVisible"),
      };
    }),
  );
}
