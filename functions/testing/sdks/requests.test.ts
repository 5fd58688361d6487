import { randomUUID } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import { basic } from "../local-client.ts";
import { sendRaw } from "./raw-request.ts";
import { recordedRequests, recordings } from "./recorded.ts";
import { sentEvents } from "./recorded-events.ts";
import { type RigSource, type Stored, useRig } from "./rig.ts";
import { WRITTEN_CLIENTS } from "./written-requests.ts";

const rig = useRig();

describe.concurrent("what was recorded, sent again", () => {
  /** The keys that the recorded clients had, and the domains of those that had none. */
  const KEYS = [
    ...["WK", "WK_MIN", "WK_RUD_WEB", "WK_SEG_NODE", "WK_OLD_NODE", "WK_RUD_NODE", "WK_RUD_NODE2", "keyid:secret"],
    ...["WK_PY", "WK_PY_GZ", "phc_x", "cid"],
  ];
  const DOMAINS = ["shop.example", "ex.com"];

  /** The rows of the contract that a recording shows. */
  const ROWS: Record<string, string> = {
    "jitsu-browser": "K-09",
    "node-sdks": "K-01 K-03 K-04 K-09 K-20 K-21",
    "plausible-browser": "K-22",
    "posthog-python": "K-20",
    "rudderstack-browser": "K-05",
    "rudderstack-browser-batch": "K-05",
    "rudderstack-browser-beacon": "K-06",
    "segment-browser": "K-02",
    "segment-browser-batching": "K-02",
    "segment-browser-minimal-settings": "K-02",
    "segment-python": "K-11",
  };

  const sources = new Map<string, RigSource>();
  beforeAll(async () => {
    for (const key of KEYS) sources.set(key, await rig.newSource({ writeKey: key }));
    for (const domain of DOMAINS) sources.set(domain, await rig.newSource({ domain }));
  });

  test.each(recordings().map((name) => [ROWS[name], name]))(
    "%s %s: each request is answered as its client wants it, each event is stored once",
    async (_, name = "") => {
      const requests = recordedRequests(name);
      for (const request of requests) {
        const { status, headers, body } = await sendRaw(rig.running().ingestUrl, request);
        const { origin } = request.headers;
        if (origin !== undefined) expect(headers["access-control-allow-origin"], request.path).toBe(origin);
        if (request.method === "OPTIONS") {
          expect(status, request.path).toBe(204);
          expect(headers["access-control-allow-headers"]).toBe(request.headers["access-control-request-headers"]);
        } else {
          expect(status, `${request.path} ${body}`).toBe(200);
          expect(JSON.parse(body.toString("utf8"))).toBeTypeOf("object");
        }
      }

      const expected = requests.flatMap(sentEvents);
      for (const [from, events] of Map.groupBy(expected, ({ from }) => from)) {
        const rows = await rig.stored(sources.get(from) ?? { id: "" });
        const ids = new Set(events.map(({ id }) => id));
        // Other recordings have sent with the same key; their message ids are others. A client without any has a key of its own.
        const ours = ids.has("")
          ? rows.map((row) => ({ ...row, messageId: "" }))
          : rows.filter(({ messageId }) => ids.has(messageId));
        expect(ours.map(lineOf).toSorted(), from).toEqual(
          events.map(({ id, type, event }) => lineOf({ messageId: id, type, event, copies: 1 })).toSorted(),
        );
      }
    },
  );
});

const lineOf = ({ messageId, type, event, copies }: Stored) => `${messageId} ${type} ${event} × ${copies}`;

describe.concurrent("what clients that nobody recorded send", () => {
  test.each(WRITTEN_CLIENTS)("$name: answered 200 with JSON, each event stored once", async ({ requests, stored }) => {
    const domain = `shop-${randomUUID()}.example`;
    const source = await rig.newSource({ domain });
    for (const request of requests({ ...source, domain })) {
      const { status, body } = await sendRaw(rig.running().ingestUrl, request);
      expect(status, body.toString("utf8")).toBe(200);
      const answer = JSON.parse(body.toString("utf8"));
      if (request.method === "GET")
        expect(answer.integrations["Segment.io"]).toEqual({
          apiKey: source.writeKey,
          apiHost: `${new URL(rig.running().ingestUrl).host}/v1`,
          protocol: "http",
        });
      else expect(answer).toMatchObject({ success: true });
    }
    const rows = await rig.stored(source);
    expect(rows.map(({ type, event }) => `${type} ${event}`)).toEqual(stored);
    expect(rows.filter(({ copies }) => copies !== 1)).toEqual([]);
  });

  test("K-13 analytics-ruby reads `error` of a refusal, and finds a sentence there", async () => {
    const { writeKey } = await rig.newSource();
    const request = { method: "POST", path: "/v1/import", headers: { authorization: basic(writeKey) }, body: "{" };
    const { status, body } = await sendRaw(rig.running().ingestUrl, request);
    expect(status).toBe(400);
    expect(JSON.parse(body.toString("utf8"))).toMatchObject({
      error: expect.stringMatching(/\w \w/),
      code: "invalid_json",
    });
  });

  test("K-14 S-13 a date that is not ISO 8601 is replaced by the time of receipt, and the event is stored", async () => {
    const source = await rig.newSource();
    const java = WRITTEN_CLIENTS.find(({ name }) => name.startsWith("K-14"));
    const before = Date.now();
    for (const request of java?.requests({ ...source, domain: "" }) ?? [])
      await sendRaw(rig.running().ingestUrl, request);
    expect(await rig.stored(source)).toHaveLength(6);
    const replaced = `timestamp = received_at AND toUnixTimestamp64Milli(received_at) >= ${before}`;
    expect(await rig.count(source, replaced)).toBe(6);
  });
});
