import { describe, expect, test } from "vitest";
import { EVENTS_MAX, isOfRun, numberIds, prepareBodies } from "../load/bodies.ts";
import { answerIn } from "../load/connection.ts";
import { createEvents } from "../load/events.ts";
import { QUESTIONS, readOptions } from "./options.ts";
import { type Row, type Target, verdictOf } from "./row.ts";
import { quantile, ratioOf, spreadOf } from "./statistics.ts";
import { number, tableOf } from "./table.ts";

const at = (median: number) => ({ median, low: median, high: median });
const aRow = (row: Partial<Row> = {}): Row => ({
  question: "door",
  what: "1 a request",
  unit: "events/s",
  ours: at(10),
  ...row,
});
const aTarget = (target: Partial<Target> = {}): Target => ({
  name: "P1",
  of: "ours",
  at: "least",
  bound: 10,
  ...target,
});

describe("statistics", () => {
  test.each([
    [[5], { median: 5, low: 5, high: 5 }],
    [[3, 1, 2], { median: 2, low: 1, high: 3 }],
    [[40, 10, 30, 20], { median: 25, low: 10, high: 40 }],
  ])("the median of %j stands between its lowest and its highest", (values, spread) => {
    expect(spreadOf(values)).toEqual(spread);
  });

  test("nothing measured is an error, not a figure", () => {
    expect(() => spreadOf([])).toThrow("no measurement");
  });

  test("a ratio compares within each round, so that a round in which both were slow does not count", () => {
    expect(ratioOf([10, 1, 30], [100, 10, 150])).toEqual({ median: 0.1, low: 0.1, high: 0.2 });
    expect(() => ratioOf([1, 2], [1])).toThrow("every round");
  });

  test.each([
    [0, 1],
    [0.5, 3],
    [0.99, 4.96],
    [1, 5],
  ])("the quantile %d lies between its neighbours", (share, value) => {
    expect(quantile([1, 2, 3, 4, 5], share)).toBeCloseTo(value);
  });
});

describe("verdicts", () => {
  test.each<[string, Row, string | undefined]>([
    ["a row without a target has none", aRow(), undefined],
    ["the bound itself passes", aRow({ target: aTarget() }), "pass"],
    ["less than at least is short", aRow({ ours: at(9.99), target: aTarget() }), "short"],
    ["more than at most is short", aRow({ ours: at(10.01), target: aTarget({ at: "most" }) }), "short"],
    [
      "a ratio is judged by the ratio",
      aRow({ ours: at(1e9), ratio: at(0.05), target: aTarget({ of: "ratio", bound: 0.1 }) }),
      "short",
    ],
    ["a ratio that is missing is short", aRow({ target: aTarget({ of: "ratio", bound: 0 }) }), "short"],
    ["what is no number is short", aRow({ ours: at(Number.NaN), target: aTarget({ at: "most" }) }), "short"],
  ])("%s", (_, row, verdict) => {
    expect(verdictOf(row)).toBe(verdict);
  });
});

test("the table shows spread, reference, ratio, both targets and the verdict", () => {
  const reference = { what: "bare", figure: at(200) };
  const ours = { median: 12_345.6, low: 9_999, high: 20_000 };
  const target = aTarget({ of: "ratio", bound: 0.1, toBeProudOf: 0.2 });
  const [head = "", , line = ""] = tableOf([aRow({ ours, reference, ratio: at(0.1234), target })]).split("\n");
  const cells = line.split("|").map((cell) => cell.trim());
  expect(head).toHaveLength(line.length);
  expect(cells.slice(3, 9)).toEqual([
    "12,346 [9,999–20,000]",
    "events/s",
    "200 (bare)",
    "0.123",
    "P1 ≥ 0.1, then 0.2: short",
    "pass",
  ]);
});

test.each([
  [0.034567, "0.0346"],
  [9.999, "10"],
  [45.67, "45.7"],
  [123.4, "123"],
  [1_234_567, "1,234,567"],
  [0, "0"],
])("%d is written %s", (value, text) => {
  expect(number(value)).toBe(text);
});

describe("options", () => {
  test("all questions are asked unless some are named", () => {
    expect(readOptions([])).toEqual({ only: QUESTIONS, quick: false, seed: "1", json: false, help: false });
  });

  test("named questions run in their own order, quickly and with another seed", () => {
    const options = readOptions(["--quick", "--only", "handler,door", "--seed", "autumn", "--json"]);
    expect(options).toEqual({ only: ["door", "handler"], quick: true, seed: "autumn", json: true, help: false });
  });

  test.each([[["--only", "dor"]], [["--only", ""]], [["--fast"]], [["door"]]])("%j is refused", (args) => {
    expect(() => readOptions(args)).toThrow();
  });
});

describe("load", () => {
  const text = (request: Buffer) => request.toString().slice(request.indexOf("\r\n\r\n") + 4);
  const prepared = (eventsPerRequest: number) =>
    prepareBodies({ host: "127.0.0.1:1", eventsPerRequest, ids: "mixed", count: 3, seed: "1" });

  test("an event has the size and shape that the targets were set for", () => {
    for (const event of createEvents("1", Date.now)(500, "mixed")) {
      expect(JSON.stringify(event).length).toBeGreaterThanOrEqual(504);
      expect(JSON.stringify(event).length).toBeLessThanOrEqual(586);
    }
  });

  test("every id of a run is another one, tells its run, and leaves the length as declared", () => {
    const ids = new Set<string>();
    let sent = 0;
    const bodies = prepared(7);
    // From the start and from the middle: there an even factor would repeat itself.
    for (const first of [0, EVENTS_MAX / 2]) {
      for (const [at, body] of bodies.entries()) {
        numberIds(body, 0xabc, first + at * 7);
        sent += 7;
        const { batch } = JSON.parse(text(body.request)) as { batch: { messageId: string }[] };
        for (const { messageId } of batch) ids.add(messageId.slice(24));
        expect(body.request.toString()).toContain(`content-length: ${Buffer.byteLength(text(body.request))}\r\n`);
      }
    }
    expect(ids.size).toBe(sent);
    expect([...ids].every((digits) => digits.startsWith("000abc"))).toBe(true);
    expect(isOfRun(0xabc)).toContain("'000abc'");
  });

  test("a single event goes to the track call, and the last number that fits is still written whole", () => {
    const [body] = prepared(1);
    if (!body) throw new Error("no body");
    numberIds(body, EVENTS_MAX - 1, EVENTS_MAX - 1);
    expect(body.request.toString()).toMatch(/^POST \/v1\/track HTTP\/1.1\r\n/);
    expect(JSON.parse(text(body.request)).messageId).toMatch(/^[0-9a-f-]{24}ffffff[0-9a-f]{6}$/);
  });

  test.each([
    ["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", undefined],
    ["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", undefined],
    ["HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", { status: 200, body: "{}" }],
    ["HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", undefined],
    [
      "HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
      { status: 503, body: "2\r\n{}\r\n0\r\n\r\n" },
    ],
  ])("an answer is read once all of it is there: %j", (received, answer) => {
    expect(answerIn(received)).toEqual(answer);
  });
});
