import { closeSync, fstatSync, ftruncateSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../../functions/kit/errors.ts";
import { type Child, startChild } from "./child.ts";

/** A child that the supervisor keeps alive, on the port it had before. */
export type Supervised<Ready> = {
  name: string;
  ready: Ready;
  pid: () => number;
  stop: (limitMs: number) => Promise<void>;
};

export type SupervisorPorts = {
  logsDir: string;
  /** One sentence for the person at the terminal: a child ended, and was started again. */
  say: (sentence: string) => void;
};

/** A child that dies again within `STEADY_MS` waits twice as long as before, up to the last; one that ran steadily starts at once. */
const PAUSES_MS = [0, 250, 500, 1_000, 2_000, 5_000];
const STEADY_MS = 10_000;
/** A log is cut when it passes this: a laptop's disk is not for logs. */
const LOG_BYTES_MAX = 64 * 1_024 * 1_024;
const LOG_CHECK_MS = 15_000;

/**
 * Starts a child and starts it again whenever it ends by itself, with the options `again` gives for its ready value
 * (its old port, so that its clients find it). Its output goes to `<logsDir>/<name>.log`. The first start throws.
 */
export async function supervise<Options, Ready>(
  { logsDir, say }: SupervisorPorts,
  name: string,
  file: string,
  options: Options | Promise<Options>,
  again: (ready: Ready) => Options | Promise<Options>,
): Promise<Supervised<Ready>> {
  mkdirSync(logsDir, { recursive: true });
  const logFd = openSync(join(logsDir, `${name}.log`), "a", 0o600);
  const cutter = setInterval(() => {
    if (fstatSync(logFd).size > LOG_BYTES_MAX) ftruncateSync(logFd, 0);
  }, LOG_CHECK_MS).unref();
  let stopping = false;
  let failures = 0;
  let child: Child<Ready> = await startChild<Options, Ready>(file, options, { logFd }).catch((error: unknown) => {
    throw new Error(`${name} does not start: ${firstLine(error)} (more in ${join(logsDir, `${name}.log`)})`);
  });
  const { ready } = child;
  let startedAt = Date.now();

  const keepAlive = async () => {
    for (;;) {
      const { code, signal } = await child.exited;
      if (stopping) return;
      failures = Date.now() - startedAt > STEADY_MS ? 0 : failures + 1;
      say(`${name} ended (${signal ?? `exit code ${code}`}), starting it again`);
      await restart();
      if (stopping) return;
    }
  };

  const restart = async () => {
    while (!stopping) {
      await new Promise((resolve) => setTimeout(resolve, PAUSES_MS[Math.min(failures, PAUSES_MS.length - 1)]));
      if (stopping) return;
      try {
        startedAt = Date.now();
        child = await startChild<Options, Ready>(file, again(ready), { logFd });
        if (stopping) await child.stop(0);
        else say(`${name} runs again`);
        return;
      } catch (error) {
        failures++;
        say(`${name} does not start: ${firstLine(error)} (more in ${join(logsDir, `${name}.log`)})`);
      }
    }
  };

  const watching = keepAlive();
  return {
    name,
    ready,
    pid: () => child.pid,
    stop: async (limitMs) => {
      stopping = true;
      await child.stop(limitMs);
      await Promise.race([watching, new Promise((resolve) => setTimeout(resolve, limitMs))]);
      clearInterval(cutter);
      closeSync(logFd);
    },
  };
}

const firstLine = (error: unknown) => messageOf(error).split("\n")[0];
