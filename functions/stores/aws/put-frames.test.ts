import type { KinesisClient } from "@aws-sdk/client-kinesis";
import { describe, expect, test } from "vitest";
import { log } from "../../kit/log.ts";
import { createPutFrames } from "./put-frames.ts";

log.level = "silent";
type Sent = {
  input: { StreamName: string; Records: { PartitionKey: string; ExplicitHashKey?: string; Data: Buffer }[] };
};
function aKinesis(answer: () => unknown) {
  const sent: Sent[] = [];
  const signals: AbortSignal[] = [];
  const send = async (command: unknown, { abortSignal }: { abortSignal: AbortSignal }) => {
    sent.push(command as Sent);
    signals.push(abortSignal);
    return answer();
  };
  return { sent, signals, putFrames: createPutFrames({ send } as unknown as Pick<KinesisClient, "send">, "events") };
}
const puts = [
  { partitionKey: "w:0", explicitHashKey: "5", record: Buffer.from("a") },
  { partitionKey: "w:1", record: Buffer.from("b") },
  { partitionKey: "w:2", record: Buffer.from("c") },
];
const failing = (error: object) =>
  aKinesis(() => {
    throw Object.assign(new Error("failed"), error);
  });

describe("putFrames", () => {
  test("sends every record once, with its hash key where it has one", async () => {
    const { sent, putFrames } = aKinesis(() => ({ Records: puts.map(() => ({ SequenceNumber: "1" })) }));
    expect(await putFrames(puts)).toEqual(["stored", "stored", "stored"]);
    expect(sent.map(({ input }) => input)).toEqual([
      {
        StreamName: "events",
        Records: [
          { PartitionKey: "w:0", ExplicitHashKey: "5", Data: puts[0]?.record },
          { PartitionKey: "w:1", Data: puts[1]?.record },
          { PartitionKey: "w:2", Data: puts[2]?.record },
        ],
      },
    ]);
  });

  test("a stream that never answers is given up, whatever its client waits for: the outcome is unknown", async () => {
    const { signals, putFrames } = aKinesis(
      () => new Promise((_, reject) => signals[0]?.addEventListener("abort", () => reject(signals[0]?.reason))),
    );
    expect(await putFrames(puts)).toEqual(["unknown", "unknown", "unknown"]);
  });

  test("tells each entry's own outcome: an HTTP 200 is not success", async () => {
    const { putFrames } = aKinesis(() => ({
      FailedRecordCount: 1,
      Records: [{ ErrorCode: "ProvisionedThroughputExceededException" }, { SequenceNumber: "2" }],
    }));
    expect(await putFrames(puts)).toEqual(["refused", "stored", "unknown"]);
  });

  test.each<[string, object, string]>([
    ["the service declined the call", { $fault: "client", $metadata: { httpStatusCode: 400 } }, "refused"],
    ["no connection was made", { code: "ECONNREFUSED" }, "refused"],
    ["the service failed", { $fault: "server", $metadata: { httpStatusCode: 500 } }, "unknown"],
    ["no answer came in time", { name: "TimeoutError" }, "unknown"],
    ["the connection broke", { code: "ECONNRESET" }, "unknown"],
    ["the answer could not be read", { $fault: "client", $metadata: {} }, "unknown"],
  ])("never throws: when %s each record is told by what is certain", async (_, error, result) => {
    expect(await failing(error).putFrames(puts)).toEqual([result, result, result]);
  });
});
