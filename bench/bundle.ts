import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, type Metafile } from "esbuild";
import { newId } from "../functions/kit/id.ts";
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
    const { atStart, all, zipped } = await sizesOf(folder);
    const times = Array.from({ length: STARTS }, () => coldStart(join(folder, "ingest.mjs"), system.running));
    const size = (what: string, bytes: number): Row => ({
      question: "bundle",
      what,
      unit: "KB",
      ours: spreadOf([bytes / KB]),
    });
    const rows: Row[] = [
      { ...size("loaded at start", atStart), target: { name: "L1", of: "ours", at: "most", bound: 1_000 } },
      size("with what is loaded when first needed", all),
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

async function sizesOf(outdir: string) {
  const { metafile } = await build({
    entryPoints: [join(ROOT, "functions/entry/ingest.ts")],
    outdir,
    bundle: true,
    splitting: true,
    minify: true,
    metafile: true,
    platform: "node",
    target: "node24",
    format: "esm",
    outExtension: { ".js": ".mjs" },
    // Some packages are CommonJS and ask for Node's own modules by `require`.
    banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
    logLevel: "error",
    absWorkingDir: ROOT,
  });
  const files = Object.keys(metafile.outputs).map((path) => join(ROOT, path));
  const bytes = await Promise.all(files.map(async (file) => (await stat(file)).size));
  return {
    atStart: bytesAtStart(metafile),
    all: bytes.reduce((sum, own) => sum + own, 0),
    zipped: files.reduce((sum, file) => sum + gzipSync(readFileSync(file)).length, 0),
  };
}

/** The entry and all that it imports, and what those import: everything but what is imported on demand. */
function bytesAtStart({ outputs }: Metafile): number {
  const entry = Object.keys(outputs).find((path) => outputs[path]?.entryPoint?.endsWith("functions/entry/ingest.ts"));
  const wanted = new Set(entry === undefined ? [] : [entry]);
  for (const path of wanted)
    for (const { path: imported, kind } of outputs[path]?.imports ?? [])
      if (kind === "import-statement" && outputs[imported]) wanted.add(imported);
  return [...wanted].reduce((sum, path) => sum + (outputs[path]?.bytes ?? 0), 0);
}

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
