import { relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { messageOf } from "../../../functions/kit/errors.ts";
import { demoCommand } from "../demo/command.ts";
import { forgetData } from "../forget-data.ts";
import { LOCAL } from "../local-mode.ts";
import { doorPorts } from "../ports.ts";
import { type Addresses, type System, startSystem } from "../system.ts";

const HELP = `Starts Millrace on this machine: engines, doors and workers, in one command.

  npm start                              on 3049 (ingest), 4000 (query) and 8123 (ClickHouse), data in .millrace/
  npm start -- --demo                    and sends a shop's traffic through the ingest door
  npm start -- --fresh                   forgets the data first
  PORT_INGEST=0 MILLRACE_DATA=/tmp/m npm start     on any free ingest port, with its data elsewhere

Variables: PORT_INGEST, PORT_API, PORT_CLICKHOUSE (0 = any free port), MILLRACE_DATA, REDIS_URL (a real Redis as the cache).`;

const say = (sentence: string) => console.error(`millrace  ${sentence}`);

async function main(): Promise<number> {
  const options = readOptions();
  if (options === undefined) return 2;
  if (options.help) {
    console.log(HELP);
    return 0;
  }
  // The doors log every request: one write for many lines costs them less.
  process.env.LOG_BUFFER_KB ??= "8";
  const started = performance.now();
  const dataDir = resolve(process.env.MILLRACE_DATA || ".millrace");
  let system: System;
  try {
    const ports = doorPorts(process.env);
    if (options.fresh) await forgetData(dataDir);
    system = await startSystem({ dataDir, ports, redisUrl: process.env.REDIS_URL || undefined, say });
  } catch (error) {
    say(messageOf(error));
    return 1;
  }
  const stopping = new AbortController();
  const ended = untilStopped(system, stopping);
  console.log(banner(system.addresses, dataDir, (performance.now() - started) / 1_000));
  if (options.demo) await sendDemo(dataDir, stopping.signal);
  return ended;
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: { demo: { type: "boolean" }, fresh: { type: "boolean" }, help: { type: "boolean", short: "h" } },
    });
    return values;
  } catch (error) {
    say(`${messageOf(error)} See npm start -- --help.`);
    return undefined;
  }
}

/**
 * Drains and ends at Ctrl-C, SIGTERM or when whoever started us is gone; the exit code, 0. A second Ctrl-C ends at once:
 * the children end with the channel that this process held.
 */
function untilStopped(system: System, stopping: AbortController): Promise<number> {
  return new Promise((resolveCode) => {
    const stop = async (why: string) => {
      if (stopping.signal.aborted) return;
      stopping.abort();
      say(`${why}, finishing what is in flight …`);
      await system.stop();
      resolveCode(0);
    };
    process.on("SIGINT", () => (stopping.signal.aborted ? process.exit(130) : void stop("stopping")));
    process.on("SIGTERM", () => void stop("stopping"));
    process.on("SIGHUP", () => void stop("the terminal is gone"));
    process.on("disconnect", () => void stop("the process that started this one is gone"));
  });
}

/** The demo's default traffic, its progress on standard error; that it could not be sent is no reason to stop. */
async function sendDemo(dataDir: string, signal: AbortSignal): Promise<void> {
  const { stdout, stderr, env } = process;
  await demoCommand([], { stdout, stderr, environment: { ...env, MILLRACE_DATA: dataDir }, signal });
}

function banner({ ingestUrl, apiUrl, clickhouseUrl }: Addresses, dataDir: string, seconds: number): string {
  const folder = relative(process.cwd(), dataDir);
  const shown = folder === "" || folder.startsWith("..") ? dataDir : `${folder}/`;
  return `millrace  ready in ${seconds.toFixed(1)} s
  ingest   ${ingestUrl.padEnd(26)} write key  ${LOCAL.writeKey}
  query    ${apiUrl.padEnd(26)} API token  ${LOCAL.apiToken}
  sql      ${clickhouseUrl.padEnd(26)} data       ${shown}

  send one:  curl -u ${LOCAL.writeKey}: -d '{"userId":"u1","event":"Signed Up"}' ${ingestUrl}/v1/track
  then look: curl -H 'Authorization: Bearer ${LOCAL.apiToken}' -d '{"table":"events_track"}' ${apiUrl}/query/events`;
}

process.exitCode = await main();
// Nothing of ours is left to do; a handle that a library keeps open must not hold the terminal.
process.exit();
