import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { EVENT_PATHS } from "../../http/routes/events.ts";

const FOLDER = dirname(fileURLToPath(import.meta.url));

/** One request as an unmodified client sent it, ready to be sent again. `key` is the user name of its Basic authentication. */
export type RecordedRequest = {
  file: string;
  method: string;
  path: string;
  headers: Record<string, string>;
  body: Buffer;
  key: string | undefined;
};

/** The recordings' names, such as `node-sdks`. */
export const recordings = (): string[] =>
  readdirSync(FOLDER)
    .filter((file) => file.endsWith(".jsonl"))
    .map((file) => file.slice(0, -".jsonl".length))
    .toSorted();

/**
 * The requests of one recording, in order, as if they were sent now: every time in bodies and headers is moved by the one
 * offset that makes the newest `sentAt` of the recording `nowMs`. What was kept decompressed is gzip again.
 */
export function recordedRequests(file: string, nowMs: number = Date.now()): RecordedRequest[] {
  const text = readFileSync(join(FOLDER, `${file}.jsonl`), "utf8");
  const lines = text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line);
  const newest = newestOf(lines);
  const shifted = (from: string) => (newest === undefined ? from : shiftTimes(from, nowMs - newest));
  return lines.map(({ method, path, headers, body, encoding, recordedDecoded }) => {
    const bytes = Buffer.from(encoding === "base64" ? (body ?? "") : shifted(body ?? ""), encoding);
    return {
      file,
      method,
      path,
      headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, shifted(value)])),
      body: recordedDecoded ? gzipSync(bytes) : bytes,
      key: basicUser(headers.authorization),
    };
  });
}

/** The POST requests of Node's clients that send plain JSON with a Basic key to a path of the ingest door's events. */
export function plainNodeRequests(nowMs: number = Date.now()): RecordedRequest[] {
  const paths = new Set(EVENT_PATHS.map(([path]) => path));
  return recordedRequests("node-sdks", nowMs).filter(
    ({ method, path, headers, key }) =>
      method === "POST" && paths.has(path) && key !== undefined && headers["content-encoding"] === undefined,
  );
}

type Line = {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string | null;
  encoding: "utf8" | "base64";
  recordedDecoded?: boolean;
};

/** ISO 8601 with a zone, as all recorded clients write it; Python's have microseconds and an offset. */
const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)/g;
const SENT_AT = new RegExp(`"?sent_?at"?\\s*:\\s*"(${TIME.source})"`, "gi");

/** The newest `sentAt`, else the newest time of any kind; undefined where a recording has none. */
function newestOf(lines: readonly Line[]): number | undefined {
  const texts = lines.flatMap(({ body, headers }) => [body ?? "", JSON.stringify(headers)]);
  const sent = texts.flatMap((text) => [...text.matchAll(SENT_AT)].map((match) => Date.parse(match[1] ?? "")));
  const any = texts.flatMap((text) => (text.match(TIME) ?? []).map((time) => Date.parse(time)));
  const times = sent.length > 0 ? sent : any;
  return times.length > 0 ? Math.max(...times) : undefined;
}

const shiftTimes = (text: string, byMs: number) =>
  text.replace(TIME, (time) => new Date(Date.parse(time) + byMs).toISOString());

const basicUser = (authorization = "") => {
  const encoded = /^Basic (\S+)$/.exec(authorization)?.[1];
  return encoded && Buffer.from(encoded, "base64").toString("utf8").split(":")[0];
};
