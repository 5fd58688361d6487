import { gzipSync } from "node:zlib";
import { basic } from "../local-client.ts";
import { SIX } from "./client.ts";
import type { RawRequest } from "./raw-request.ts";

type Known = { writeKey: string; id: string; domain: string };

/** A client that is not run, and that nobody recorded: the requests that its row of the contract describes. */
export type WrittenClient = {
  name: string;
  requests: (source: Known) => RawRequest[];
  /** Type and event of what is stored then, sorted. */
  stored: readonly string[];
};

const six = (more: Record<string, unknown> = {}) => {
  const common = { userId: "u1", timestamp: new Date().toISOString(), ...more };
  return [
    { type: "identify", messageId: crypto.randomUUID(), traits: { plan: "pro" }, ...common },
    {
      type: "track",
      messageId: crypto.randomUUID(),
      event: "Order Completed",
      properties: { total: 9.5 },
      ...common,
    },
    { type: "page", messageId: crypto.randomUUID(), name: "Home", ...common },
    { type: "screen", messageId: crypto.randomUUID(), name: "Main", ...common },
    { type: "group", messageId: crypto.randomUUID(), groupId: "g1", traits: { seats: 3 }, ...common },
    { type: "alias", messageId: crypto.randomUUID(), previousId: "a1", ...common },
  ];
};

/** As many track events as fill a batch of about so many bytes. */
const filling = (bytes: number) =>
  Array.from({ length: Math.floor(bytes / 10_000) }, (_, n) => ({
    type: "track",
    event: "Filling",
    messageId: crypto.randomUUID(),
    userId: "u1",
    properties: { n, text: "x".repeat(9_800) },
  }));

const post = (path: string, headers: Record<string, string>, body: unknown): RawRequest => ({
  method: "POST",
  path,
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify(body),
});
const zipped = ({ body = "", headers, ...rest }: RawRequest): RawRequest => ({
  ...rest,
  headers: { ...headers, "content-encoding": "gzip" },
  body: gzipSync(body),
});
const sentAt = () => new Date().toISOString();

export const WRITTEN_CLIENTS: readonly WrittenClient[] = [
  {
    name: "K-12 rudder-sdk-python 2.1.4: gzip, Basic",
    requests: ({ writeKey }) => [
      zipped(
        post("/v1/batch", { authorization: basic(writeKey) }, { batch: six({ anonymousId: null }), sentAt: sentAt() }),
      ),
    ],
    stored: SIX,
  },
  {
    name: "K-13 analytics-ruby 2.5.0: /v1/import, 500 KB",
    requests: ({ writeKey }) => [
      post("/v1/import", { authorization: basic(writeKey) }, { sentAt: sentAt(), batch: six() }),
      post("/v1/import", { authorization: basic(writeKey) }, { sentAt: sentAt(), batch: filling(500_000) }),
    ],
    stored: [...SIX, ...Array(50).fill("track Filling")].toSorted(),
  },
  {
    name: 'K-14 analytics-java: /v1/import/ with a slash, a date like "Nov 18, 2021, 2:45:07 PM"',
    requests: ({ writeKey }) => [
      post(
        "/v1/import/",
        { authorization: basic(writeKey), "content-type": "application/json; charset=utf-8" },
        { batch: six({ timestamp: "Nov 18, 2021, 2:45:07 PM" }), sentAt: "Nov 18, 2021, 2:45:07 PM" },
      ),
    ],
    stored: SIX,
  },
  {
    name: "K-15 analytics-go 3.0.0: Basic",
    requests: ({ writeKey }) => [
      post("/v1/batch", { authorization: basic(writeKey) }, { messageId: "batch-1", sentAt: sentAt(), batch: six() }),
    ],
    stored: SIX,
  },
  {
    name: "K-16 analytics-php: 500 KB plain, gzip",
    requests: ({ writeKey }) => [
      zipped(post("/v1/batch", { authorization: basic(writeKey) }, { batch: six(), sentAt: sentAt() })),
      post("/v1/batch", { authorization: basic(writeKey) }, { batch: filling(490_000), sentAt: sentAt() }),
    ],
    stored: [...SIX, ...Array(49).fill("track Filling")].toSorted(),
  },
  {
    name: "K-17 analytics-kotlin 1.24.1: settings, then text/plain and gzip in chunks, the key in the body",
    requests: ({ writeKey }) => [
      { method: "GET", path: `/projects/${writeKey}/settings` },
      {
        ...zipped(post("/b", { "content-type": "text/plain" }, { writeKey, batch: six(), sentAt: sentAt() })),
        chunked: true,
      },
    ],
    stored: SIX,
  },
  {
    name: "K-18 analytics-swift: JSON on its second attempt; Analytics-CSharp: gzip",
    requests: ({ writeKey }) => [
      { method: "GET", path: `/projects/${writeKey}/settings` },
      post("/b", { "x-retry-count": "1" }, { writeKey, batch: six(), sentAt: sentAt() }),
      zipped(post("/b", { "x-retry-count": "2" }, { writeKey, batch: six(), sentAt: sentAt() })),
    ],
    stored: [...SIX, ...SIX].toSorted(),
  },
  {
    name: "K-19 analytics-react-native 2.24.1: settings, then /v1/b",
    requests: ({ writeKey }) => [
      { method: "GET", path: `/v1/projects/${writeKey}/settings` },
      post(
        "/v1/b",
        { "content-type": "application/json; charset=utf-8" },
        { writeKey, batch: six(), sentAt: sentAt() },
      ),
    ],
    stored: SIX,
  },
  {
    name: "K-22 plausible-tracker 0.3.9: text/plain, the domain says whose it is",
    requests: ({ domain }) => [
      plausible(domain, { n: "pageview", u: `https://${domain}/a?x=1`, r: null, w: 800, h: 0 }),
      plausible(domain, { n: "Order Completed", u: `https://${domain}/b`, r: null, w: 800, h: 0, p: '{"total":9.5}' }),
    ],
    stored: ["page ", "track Order Completed"],
  },
  {
    name: "K-23 @umami/node 0.4.0: the website's id says whose it is",
    requests: ({ id }) => [
      umami(id, "event", { hostname: "shop.example", url: "/", title: "Home", screen: "1920x1080", language: "en-US" }),
      umami(id, "event", { hostname: "shop.example", url: "/", name: "Order Completed", data: { total: 9.5 } }),
      umami(id, "identify", { data: { plan: "pro" } }),
    ],
    stored: ["identify ", "page ", "track Order Completed"],
  },
];

const plausible = (domain: string, body: Record<string, unknown>): RawRequest =>
  post("/api/event", { "content-type": "text/plain", origin: `https://${domain}` }, { d: domain, ...body });

const umami = (website: string, type: string, payload: Record<string, unknown>): RawRequest =>
  post("/api/send", { "user-agent": "Mozilla/5.0 Umami/v24.21.0" }, { type, payload: { website, ...payload } });
