import { expect, test } from "vitest";
import type { DeadLetter } from "../event/dead-letter.ts";
import { AppError } from "../kit/errors.ts";
import { log } from "../kit/log.ts";
import { seqOf } from "../testing/builders.ts";
import { aLetter } from "../testing/dead-letters.ts";
import { anSqsEvent } from "../testing/sqs-event.ts";
import { createKeepLetters, type KeepLettersPorts, letterIdOf } from "./dead-letter.ts";

log.level = "silent";
const WITH_TIME = { getRemainingTimeInMillis: () => 30_000 };

/** Bodies are ids of letters with commas between them; one that starts with `!` cannot be read. */
function aKeeper(ports: Partial<KeepLettersPorts> = {}) {
  const stored: (readonly DeadLetter[])[] = [];
  const keep = createKeepLetters({
    readLetters: async (body) => {
      if (body.startsWith("!")) throw new Error("not ours");
      return body.split(",").map((id) => aLetter({ id }));
    },
    storeLetters: async (letters) => void stored.push(letters),
    wait: async () => {},
    ...ports,
  });
  return { keep, ids: () => stored.map((letters) => letters.map(({ id }) => id)) };
}

test("all letters of an invocation go in one insert, and every message is done", async () => {
  const { keep, ids } = aKeeper();
  expect(await keep(anSqsEvent("a,b", "c"), WITH_TIME)).toEqual({ batchItemFailures: [] });
  expect(ids()).toEqual([["a", "b", "c"]]);
});

test("a message that cannot be read returns alone, and holds nobody up", async () => {
  const { keep, ids } = aKeeper();
  const answer = await keep(anSqsEvent("a", "!", "b"), WITH_TIME);
  expect(answer).toEqual({ batchItemFailures: [{ itemIdentifier: "q1" }] });
  expect(ids()).toEqual([["a", "b"]]);
});

test("nothing is done with a message before its letters are stored: all return when the table is away", async () => {
  const { keep } = aKeeper({ storeLetters: () => Promise.reject(new Error("away")) });
  const answer = await keep(anSqsEvent("a", "!", "b"), WITH_TIME);
  expect(answer.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier)).toEqual(["q0", "q1", "q2"]);
});

test("a table that is away for a while is waited for, as long as the invocation lasts", async () => {
  let [left, tries] = [30_000, 0];
  const away = new AppError("unavailable", "away");
  const wait = async () => {
    left -= 1_000;
  };
  const context = { getRemainingTimeInMillis: () => left };
  const back = aKeeper({ storeLetters: async () => (++tries < 5 ? Promise.reject(away) : undefined), wait });
  expect(await back.keep(anSqsEvent("a"), context)).toEqual({ batchItemFailures: [] });
  const never = aKeeper({ storeLetters: () => Promise.reject(away), wait });
  expect((await never.keep(anSqsEvent("a"), context)).batchItemFailures).toHaveLength(1);
  expect(left).toBeGreaterThan(500);
});

test("when nothing could be read nothing is inserted", async () => {
  const { keep, ids } = aKeeper();
  await keep(anSqsEvent("!"), WITH_TIME);
  expect(ids()).toEqual([]);
});

test("a refusal behind the stream has one id, which names its shard, record, event and stage", () => {
  const id = letterIdOf("s", seqOf(1), 0, "insert");
  expect(letterIdOf("s", seqOf(1), 0, "insert")).toBe(id);
  const others = [
    letterIdOf("t", seqOf(1), 0, "insert"),
    letterIdOf("s", seqOf(2), 0, "insert"),
    letterIdOf("s", seqOf(1), 1, "insert"),
    letterIdOf("s", seqOf(1), "", "insert"),
    letterIdOf("s", seqOf(1), 0, "transform"),
  ];
  expect(new Set([id, ...others]).size).toBe(6);
});
