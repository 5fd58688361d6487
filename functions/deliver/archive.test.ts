import { setTimeout as wait } from "node:timers/promises";
import { expect, test } from "vitest";
import { log } from "../kit/log.ts";
import { aCheckedEvent, aFrame, aRecord, HOUR, NOW, seqOf } from "../testing/builders.ts";
import { type ArchivePorts, createArchive } from "./archive.ts";
import { archiveObjectsOf } from "./archive-objects.ts";

log.level = "silent";
const WITH_TIME = { getRemainingTimeInMillis: () => 60_000 };
/** A record of an hour of its own, so that each makes an object. */
const record = (index: number) => aRecord(aFrame([aCheckedEvent({ receivedAt: NOW + index * HOUR })]), index);
const three = { Records: [record(0), record(1), record(2)] };

test("an object is stored before its manifest is begun, and no failure is reported, as a list", async () => {
  const steps: string[] = [];
  const put: ArchivePorts["put"] = async (key) => {
    steps.push(`begin ${key}`);
    await new Promise((resolve) => setImmediate(resolve));
    steps.push(`end ${key}`);
  };
  expect(await createArchive({ put })(three, WITH_TIME)).toEqual({ batchItemFailures: [] });
  expect(steps).toHaveLength(12);
  for (const { data, manifest } of archiveObjectsOf(three.Records))
    expect(steps.indexOf(`end ${data.key}`)).toBeLessThan(steps.indexOf(`begin ${manifest.key}`));
});

test("answers with a list also when there is nothing to do", async () => {
  const put = () => Promise.reject(new Error("nobody asks"));
  expect(await createArchive({ put })({ Records: [] }, WITH_TIME)).toEqual({ batchItemFailures: [] });
});

test.each<[string, string, number[], number]>([
  ["an object", ".frames", [1], 1],
  ["a manifest", ".json", [1], 1],
  ["two objects", ".frames", [2, 1], 1],
  ["the first object", ".frames", [0, 2], 0],
])(
  "where %s is not stored the lowest record of it is reported, and the others are stored",
  async (_, end, bad, lowest) => {
    const stored: string[] = [];
    const isBad = (key: string) => key.endsWith(end) && bad.some((index) => key.includes(`-${seqOf(index)}-`));
    const put: ArchivePorts["put"] = async (key) => {
      // The last to begin is the first to fail.
      if (isBad(key)) await wait(key.includes(seqOf(2)) ? 0 : 20);
      if (isBad(key)) throw new Error("the bucket is away");
      stored.push(key);
    };
    expect(await createArchive({ put })(three, WITH_TIME)).toEqual({
      batchItemFailures: [{ itemIdentifier: seqOf(lowest) }],
    });
    expect(stored.filter((key) => key.endsWith(".json"))).toHaveLength(3 - bad.length);
  },
);

test("what cannot be stored while the invocation lasts is reported by the invocation itself", async () => {
  const put: ArchivePorts["put"] = (_key, _body, signal) =>
    new Promise((_, reject) => {
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener("abort", () => reject(signal.reason));
    });
  const answer = await createArchive({ put })(three, { getRemainingTimeInMillis: () => 2_050 });
  expect(answer).toEqual({ batchItemFailures: [{ itemIdentifier: seqOf(0) }] });
});
