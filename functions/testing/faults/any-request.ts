import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { EVENT_PATHS } from "../../http/routes/events.ts";
import { bodies } from "./any-body.ts";

/** A request to the ingest door, of any kind. */
export type AnyRequest = {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: Uint8Array<ArrayBuffer>;
};

const pathsOf = (is: (kind: string) => boolean) =>
  fc.constantFrom(...EVENT_PATHS.flatMap(([path, kind]) => (is(kind) ? [path] : [])));
const otherPaths = fc.constantFrom(
  ..."/api/event /api/send /v1/webhook /api/s/track /api/s/s2s/page /api/s/x /m /v1/m /flags /decide".split(" "),
  ..."/pixel/v1/track /pixel/v1/page /api/px/track /api/px/p /v1/projects/wk_x/settings /sourceConfig".split(" "),
  ..."/health /ready /metrics / /v2/nothing /%E0%A4%A /v1/track%2f /v1//track /v1/%74rack".split(" "),
);
const queries = fc.constantFrom(
  ...["", "", "", "", "/", "?writeKey=wk_test", "?a=1&a=2&__proto__=3", "?%", "?data=eyJhIjoxfQ==", "?data=%ff"],
  "?event=e&anonymousId=a&writeKey=wk_test",
);

const ofKind = (kind: keyof typeof bodies, paths: fc.Arbitrary<string>) => fc.tuple(paths, bodies[kind]);
const isSingle = (kind: string) => kind !== "batch" && kind !== "import";
/** A path, and mostly a body that is meant for it. */
const calls = fc.oneof(
  { weight: 20, arbitrary: ofKind("single", pathsOf(isSingle)) },
  {
    weight: 10,
    arbitrary: ofKind(
      "batch",
      pathsOf((kind) => kind === "batch"),
    ),
  },
  {
    weight: 5,
    arbitrary: ofKind(
      "import",
      pathsOf((kind) => kind === "import"),
    ),
  },
  {
    weight: 2,
    arbitrary: ofKind(
      "any",
      pathsOf(() => true),
    ),
  },
  {
    weight: 2,
    arbitrary: ofKind(
      "batch",
      pathsOf(() => true),
    ),
  },
  { weight: 2, arbitrary: ofKind("single", otherPaths) },
  { weight: 1, arbitrary: ofKind("any", otherPaths) },
);

/** Some kilobytes that become ten megabytes, and the same once more. */
const BOMB = gzipSync(Buffer.alloc(10 * 1_024 * 1_024, " "));
const BOMBS = [BOMB, gzipSync(BOMB)] as const;
type Packed = { sent: Uint8Array; gzip: boolean };
const packing: fc.Arbitrary<(body: Uint8Array) => Packed> = fc.oneof(
  { weight: 60, arbitrary: fc.constant((body: Uint8Array) => ({ sent: body, gzip: false })) },
  { weight: 40, arbitrary: fc.constant((body: Uint8Array) => ({ sent: gzipSync(body), gzip: true })) },
  {
    weight: 1,
    arbitrary: fc.nat(40).map((cut) => (body: Uint8Array) => ({ sent: gzipSync(body).subarray(cut), gzip: true })),
  },
  { weight: 1, arbitrary: fc.constant((body: Uint8Array) => ({ sent: body, gzip: true })) },
  { weight: 1, arbitrary: fc.constantFrom(...BOMBS).map((sent) => () => ({ sent, gzip: true })) },
);

const printable = fc.string({ unit: "binary-ascii" }).map((text) => text.replace(/[^\x20-\x7e]/g, "").trim());
const oddly = (...values: string[]) => fc.oneof(fc.constantFrom(...values), printable);
const headers = fc.record(
  {
    "content-type": fc.constantFrom("application/json", "text/plain", "multipart/form-data", "x/y; charset=utf-16"),
    "user-agent": oddly("Googlebot/2.1", "constructor"),
    origin: oddly("null", "https://shop.example", "http://[::1]", "x"),
    referer: oddly("https://shop.example/a?b", "//", "http://"),
    "x-forwarded-for": oddly("1.2.3.4", "::1", ",,", "unknown, 1.2.3.4"),
    sentat: oddly("2026-11-21T12:00:00Z", "yesterday"),
    "x-ip-policy": oddly("remove", "stripLastOctet", "__proto__", "constructor"),
  },
  { requiredKeys: [], noNullPrototype: true },
);
const keys = fc.oneof(
  { weight: 40, arbitrary: fc.constantFrom({ "x-write-key": "wk_test" }, { authorization: "Bearer wk_test" }) },
  fc.constantFrom(
    {},
    { authorization: "Basic ===" },
    { authorization: `Basic ${btoa(":x")}` },
    { "x-write-key": "wk_no" },
  ),
  fc.constant({ "openpanel-client-id": "wk_test" }),
);
/** Now and then a length that is not the body's. */
const lies = fc.oneof(
  { weight: 20, arbitrary: fc.constant(undefined) },
  { weight: 1, arbitrary: fc.constantFrom("0", "1", "-1", "99999999999", "x", "1e3") },
);
const methods = fc.oneof(
  { weight: 30, arbitrary: fc.constant("POST") },
  fc.constantFrom("GET", "PUT", "OPTIONS", "HEAD", "DELETE"),
);
const codings = fc.constantFrom("gzip", "GZIP", "x-gzip, gzip");

/** Mostly what a client would send; every part of it is now and then anything at all. */
export const anyRequest: fc.Arbitrary<AnyRequest> = fc
  .tuple(methods, calls, queries, packing, headers, keys, lies, codings)
  .map(([method, [path, body], query, pack, given, key, length, coding]) => {
    const { sent, gzip } = pack(body);
    const said = {
      ...(length !== undefined && { "content-length": length }),
      ...(gzip && { "content-encoding": coding }),
    };
    return { method, path: path + query, headers: { ...given, ...key, ...said }, body: Uint8Array.from(sent) };
  });
