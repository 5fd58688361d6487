import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Running } from "../../functions/testing/local-system.ts";
import { familyOf } from "../../functions/testing/processes.ts";
import { type Usage, usageOf } from "./usage.ts";

/** The whole system as `npm start` runs it, on free ports, with its data in a temporary folder. */
export type BenchSystem = {
  running: Running;
  /** Each process with its descendants, the supervisor among them. Throws when one was started again: its CPU is gone. */
  usage: () => Promise<Record<string, Usage>>;
  /** What the system has printed and logged, to look for complaints. */
  logs: () => Promise<string>;
  stop: () => Promise<void>;
};

const START = fileURLToPath(new URL("../../stacks/local/commands/start.ts", import.meta.url));
const READY_LIMIT_MS = 600_000;

/** Starts it and waits until it is ready. It ends with `stop`, with Ctrl-C, and when this process is gone. */
export async function startBenchSystem(): Promise<BenchSystem> {
  const dataDir = await mkdtemp(join(tmpdir(), "millrace-bench-"));
  const child = fork(START, {
    env: {
      ...process.env,
      PORT_INGEST: "0",
      PORT_API: "0",
      PORT_CLICKHOUSE: "0",
      MILLRACE_DATA: dataDir,
      REDIS_URL: "",
    },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk) => {
      output += chunk;
    });
  }
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGTERM");
      await once(child, "exit");
    }
    await rm(dataDir, { recursive: true, force: true });
  };
  const readRun = async () => JSON.parse(await readFile(join(dataDir, "run.json"), "utf8")) as Running;
  const logs = async () => {
    const folder = join(dataDir, "logs");
    const files = await readdir(folder).catch(() => []);
    return [output, ...(await Promise.all(files.map((file) => readFile(join(folder, file), "utf8"))))].join("\n");
  };
  const limit = Date.now() + READY_LIMIT_MS;
  while (!output.includes("ready in")) {
    if (child.exitCode !== null || Date.now() > limit) {
      const said = await logs();
      await stop();
      throw new Error(`the system did not start in ${READY_LIMIT_MS / 1_000} s:\n${said}`);
    }
    await wait(50);
  }
  const running = await readRun();
  return {
    running,
    usage: async () => {
      const now = await readRun();
      if (JSON.stringify(now.children) !== JSON.stringify(running.children))
        throw new Error(`a process was started again while it was measured:\n${output}`);
      const children = Object.entries(running.children).map(([name, pid]) => [name, usageOf(familyOf(pid))]);
      return { supervisor: usageOf([running.pid]), ...Object.fromEntries(children) };
    },
    logs,
    stop,
  };
}
