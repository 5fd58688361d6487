import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Addresses } from "../../stacks/local/system.ts";

/** What `<dataDir>/run.json` says of a running system. */
export type Running = Addresses & { pid: number; children: Record<string, number> };

export type LocalSystem = {
  dataDir: string;
  /** The supervisor, in a process group of its own. */
  process: ChildProcess;
  /** Everything it has printed. */
  output: () => string;
  /** The addresses and the processes as they are now. */
  running: () => Running;
  exited: Promise<number | null>;
};

const START = fileURLToPath(new URL("../../stacks/local/commands/start.ts", import.meta.url));
const READY_LIMIT_MS = 60_000;

/**
 * Starts the system as `npm start` does, on free ports unless `variables` name others, and waits until it says it is ready.
 * It ends with this process. `command` starts it where that is not `npm start`'s own.
 */
export async function startLocalSystem(
  dataDir: string,
  variables: Record<string, string> = {},
  command = START,
): Promise<LocalSystem> {
  const free = { PORT_INGEST: "0", PORT_API: "0", PORT_CLICKHOUSE: "0" };
  const child = spawn(process.execPath, [command], {
    env: { ...process.env, ...free, MILLRACE_DATA: dataDir, ...variables },
    detached: true,
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => (output += chunk));
  const exited = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
  const running = () => JSON.parse(readFileSync(join(dataDir, "run.json"), "utf8")) as Running;
  const system = { dataDir, process: child, output: () => output, running, exited };
  const limit = Date.now() + READY_LIMIT_MS;
  while (!output.includes("ready in")) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the system did not start:\n${output}`);
    if (Date.now() > limit) throw new Error(`the system was not ready in time:\n${output}`);
    await wait(50);
  }
  return system;
}

/** The variables that start it again on the ports it has, so that its clients go on. */
export const portsOf = ({ ingestUrl, apiUrl, clickhouseUrl }: Running) => ({
  PORT_INGEST: new URL(ingestUrl).port,
  PORT_API: new URL(apiUrl).port,
  PORT_CLICKHOUSE: new URL(clickhouseUrl).port,
});

/** Asks it to stop as Ctrl-C does and waits until it is gone; its exit code. */
export async function stopLocalSystem({ process: child, exited }: LocalSystem): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
  return exited;
}

/** Polls until `check` answers something, or throws what it last threw. */
export async function eventually<T>(check: () => Promise<T>, limitMs = 30_000): Promise<T> {
  const limit = Date.now() + limitMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > limit) throw error;
      await wait(100);
    }
  }
}
