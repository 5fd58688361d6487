import { expect, test } from "vitest";
import { aSource, DAY, NOW } from "../../testing/builders.ts";
import { createLocalRate } from "./local-rate.ts";

const limited = (windowRequestsMax: number | null, dayEventsMax: number | null = null, own = false) =>
  aSource({ limits: { windowRequestsMax, dayEventsMax, own } });

/** What requests of one event at given times meet. */
function requests(max: number) {
  const rate = createLocalRate();
  return (...times: number[]) =>
    times.map((ms) => {
      const answer = rate(limited(max), 1, NOW + ms);
      return answer && [answer.limited ?? "", answer.left, answer.resetMs];
    });
}

test("the window is Redis' own: 50 slots of 100 ms, each gone at its own edge", () => {
  const at = requests(3);
  expect(at(0, 99, 2_500)).toEqual([
    ["", 2, 5_000],
    ["", 1, 5_000],
    ["", 0, 5_000],
  ]);
  expect(at(2_500, 4_999)).toEqual([
    ["requests", 0, 2_500],
    ["requests", 0, 1],
  ]);
  expect(at(5_000, 5_000, 5_001)).toEqual([
    ["", 1, 5_000],
    ["", 0, 5_000],
    ["requests", 0, 2_499],
  ]);
  expect(at(7_499, 7_500, 60_000)).toEqual([
    ["requests", 0, 1],
    ["", 0, 5_000],
    ["", 2, 5_000],
  ]);
});

test("a clock that is a little behind counts in the newest slot, one that is far off begins anew", () => {
  const at = requests(3);
  expect(at(10_000, 8_000, 9_999, 8_000)).toEqual([
    ["", 2, 5_000],
    ["", 1, 5_000],
    ["", 0, 5_000],
    ["requests", 0, 7_000],
  ]);
  expect(at(14_999, 15_000, 3_600_000, 15_000).map((answer) => answer?.[0])).toEqual(["requests", "", "", ""]);
});

test("events of a day end at its limit, an empty batch never does, and midnight of UTC begins anew", () => {
  const rate = createLocalRate();
  const events = (count: number, nowMs: number) => rate(limited(null, 10), count, nowMs)?.limited;
  expect([events(7, NOW), events(4, NOW), events(0, NOW), events(3, NOW)]).toEqual([
    undefined,
    "events",
    undefined,
    undefined,
  ]);
  expect([events(1, NOW), events(0, NOW), events(10, NOW + DAY)]).toEqual(["events", undefined, undefined]);
});

test("a source's own limits have a count of their own, a workspace's sources share theirs", () => {
  const rate = createLocalRate();
  const take = (source: ReturnType<typeof aSource>) => rate(source, 1, NOW)?.limited;
  const [a, b] = [limited(1), { ...limited(1), id: "b" }];
  expect([take(a), take(b), take({ ...limited(1, null, true), id: "c" })]).toEqual([undefined, "requests", undefined]);
});

test("without limits there is no count", () => {
  expect(createLocalRate()(limited(null), 5, NOW)).toBeUndefined();
});

test("however many workspaces come, the newest are kept", () => {
  const rate = createLocalRate();
  const take = (workspaceId: string) => rate({ ...limited(1), workspaceId }, 1, NOW)?.limited;
  take("first");
  for (let n = 0; n < 10_000; n++) take(`w${n}`);
  expect([take("w1"), take("first")]).toEqual(["requests", undefined]);
});
