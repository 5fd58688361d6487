import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { NOW } from "./builders.ts";
import { plainNodeRequests, recordedRequests, recordings } from "./sdks/recorded.ts";

const textOf = ({ headers, body }: { headers: Record<string, string>; body: Buffer }) =>
  (headers["content-encoding"] === "gzip" ? gunzipSync(body) : body).toString("utf8");
const timesIn = (text: string) =>
  (text.match(/\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)/g) ?? []).map((time) => Date.parse(time));

describe("a recording", () => {
  test("is there for each client, and each can be read", () => {
    expect(recordings()).toHaveLength(11);
    for (const name of recordings()) expect(recordedRequests(name, NOW).length, name).toBeGreaterThan(0);
  });

  test.each(recordings())("%s is moved as a whole: its newest sentAt is now, and spans stay", (name) => {
    const [then, now] = [recordedRequests(name, NOW - 86_400_000), recordedRequests(name, NOW)];
    const times = now.flatMap((request) => [...timesIn(textOf(request)), ...timesIn(JSON.stringify(request.headers))]);
    const before = then.flatMap((request) => [
      ...timesIn(textOf(request)),
      ...timesIn(JSON.stringify(request.headers)),
    ]);
    expect(times).toEqual(before.map((ms) => ms + 86_400_000));
    if (times.length > 0) expect(Math.abs(Math.max(...times) - NOW)).toBeLessThan(10_000);
  });

  test("that was kept decompressed is gzip again, as its header says", () => {
    const compressed = recordings()
      .flatMap((name) => recordedRequests(name, NOW))
      .filter(({ headers }) => headers["content-encoding"]);
    expect(compressed).toHaveLength(4);
    for (const request of compressed) expect(JSON.parse(textOf(request))).toBeTypeOf("object");
  });
});

test("Node's plain requests with a Basic key are nine batches of three clients", () => {
  const requests = plainNodeRequests(NOW);
  expect(requests.map(({ path, key }) => [path, key])).toEqual([
    ...Array(6).fill(["/v1/batch", "WK_SEG_NODE"]),
    ...Array(2).fill(["/v1/batch", "WK_OLD_NODE"]),
    ["/v1/batch", "WK_RUD_NODE2"],
  ]);
  for (const { body } of requests) expect(JSON.parse(body.toString("utf8")).batch).toHaveLength(1);
});
