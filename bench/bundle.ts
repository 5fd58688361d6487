import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { newId } from "../functions/kit/id.ts";
import { bundleOf } from "../functions/testing/bundle.ts";
import { basic } from "../functions/testing/local-client.ts";
import type { Running } from "../functions/testing/local-system.ts";
import { LOCAL } from "../stacks/local/local-mode.ts";
import type { Row } from "./kit/row.ts";
import type { Question } from "./kit/scale.ts";
import { spreadOf } from "./kit/statistics.ts";
import { startBenchSystem } from "./kit/system.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const FIRST_ANSWER = fileURLToPath(new URL("load/first-answer.mjs", import.meta.url));
const STARTS = 9;
const KB = 1_000;

/**
 * How large is the function of the ingest door, and how long after its start has it answered? The bundle is made as a
 * deployment makes it (esbuild, minified, split). A cold start is a fresh process that loads it and takes one event, over
 * the local engines: module load, settings, first connections, a key that no isolate knows, and the put.
 */
export const bundle: Question = async ({ say }) => {
  const folder = await mkdtemp(join(tmpdir(), "millrace-bundle-"));
  const system = await startBenchSystem();
  try {
    say("bundle: sizes, and cold starts");
    const { files, bytesAtStart, bytes } = await bundleOf("ingest", folder);
    const zipped = files.reduce((sum, file) => sum + gzipSync(readFileSync(file)).length, 0);
    const times = Array.from({ length: STARTS }, () => coldStart(join(folder, "ingest.mjs"), system.running));
    const size = (what: string, of: number): Row => ({
      question: "bundle",
      what,
      unit: "KB",
      ours: spreadOf([of / KB]),
    });
    const rows: Row[] = [
      { ...size("loaded at start", bytesAtStart), target: { name: "L1", of: "ours", at: "most", bound: 1_000 } },
      size("with what is loaded when first needed", bytes),
      size("all of it, gzip", zipped),
      {
        question: "cold start",
        what: "fresh process to first answer",
        unit: "ms",
        ours: spreadOf(times.map(({ total }) => total)),
        target: { name: "L2", of: "ours", at: "most", bound: 300 },
      },
      {
        question: "cold start",
        what: "… of which module load",
        unit: "ms",
        ours: spreadOf(times.map(({ load }) => load)),
      },
    ];
    return { rows, notes: [], measured: { starts: STARTS } };
  } finally {
    await system.stop();
    await rm(folder, { recursive: true, force: true });
  }
};

/** One fresh process, milliseconds. Throws when it did not answer 200. */
function coldStart(file: string, { streamUrl, cacheUrl, postgresUrl }: Running): { load: number; total: number } {
  const event = {
    version: "2.0",
    rawPath: "/v1/track",
    rawQueryString: "",
    headers: { authorization: basic(LOCAL.writeKey), host: "ingest.example", "content-type": "application/json" },
    requestContext: {
      http: { method: "POST", path: "/v1/track", sourceIp: "192.0.2.1" },
      domainName: "ingest.example",
    },
    body: JSON.stringify({
      event: "Cold",
      anonymousId: "bench",
      messageId: newId(),
      timestamp: new Date().toISOString(),
    }),
    isBase64Encoded: false,
  };
  const env = {
    PATH: process.env.PATH,
    LOG_LEVEL: "silent",
    AWS_ENDPOINT_URL: streamUrl,
    AWS_REGION: LOCAL.region,
    KINESIS_STREAM: LOCAL.stream,
    DLQ_QUEUE_URL: streamUrl,
    RETRY_QUEUE_URL: streamUrl,
    LARGE_BUCKET: "large",
    ADDRESS_HASH_KEY: LOCAL.addressHashKey,
    POSTGRES_URL: postgresUrl,
    UPSTASH_REDIS_REST_URL: cacheUrl,
    UPSTASH_REDIS_REST_TOKEN: LOCAL.redisToken,
  };
  // The scripts of the cache are read from under the working directory, as in a function's bundle.
  const { stdout, stderr } = spawnSync(process.execPath, [FIRST_ANSWER, file, JSON.stringify(event)], {
    cwd: ROOT,
    env,
    encoding: "utf8",
  });
  const said =
    stdout.trim() === "" ? undefined : (JSON.parse(stdout) as { load: number; total: number; status: number });
  if (said?.status !== 200) throw new Error(`the function of ${dirname(file)} answered ${said?.status}: ${stderr}`);
  return said;
}
