import { type ChildProcess, fork } from "node:child_process";

/**
 * The two ends of a child process of the local system: `runChild` is its body, `startChild` its parent's side.
 * Options and the ready value travel over the IPC channel as JSON. A child lives as long as that channel: when the
 * parent asks it to stop, or dies (also by SIGKILL), it runs its own `stop` and exits, so no orphan is left.
 */
type Started<Ready> = {
  /** What the parent needs to reach the child, such as its port. */
  ready: Ready;
  /** Drains what is in flight. Called once; the child exits when it settles, or at its limit. */
  stop: () => Promise<void> | void;
};
type ToChild = { kind: "start"; options: unknown } | { kind: "stop"; limitMs: number };
type FromChild<Ready> = { kind: "ready"; ready: Ready } | { kind: "failed"; message: string };

/** How long a child may take to drain when its parent says nothing else: Ctrl-C promises an end within 5 s. */
const STOP_LIMIT_MS = 4_000;
/** A child ends itself at its limit; only one that hangs is killed from outside, this much later. */
const KILL_GRACE_MS = 300;

const LEAN_MODULES = new URL("lean-modules.mjs", import.meta.url).href;

/** The whole `main` of a child process's file. */
export function runChild<Options, Ready>(start: (options: Options) => Promise<Started<Ready>>): void {
  let stop: Started<Ready>["stop"] | undefined;
  let ending = false;
  const end = async (limitMs = STOP_LIMIT_MS) => {
    if (ending) return;
    ending = true;
    // No `process.exit`, which runs what a library does at its end, and may hang in it.
    setTimeout(() => process.kill(process.pid, "SIGKILL"), limitMs).unref();
    try {
      await stop?.();
      process.exit(0);
    } catch (error) {
      console.error(error);
      process.exit(1);
    }
  };
  // A terminal sends Ctrl-C to the whole group; the order in which children stop is the supervisor's to decide.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => void end());
  process.on("disconnect", () => void end());
  process.on("message", async (message: ToChild) => {
    if (message.kind === "stop") return end(message.limitMs);
    try {
      const started = await start(message.options as Options);
      stop = started.stop;
      process.send?.({ kind: "ready", ready: started.ready } satisfies FromChild<Ready>);
      if (ending) await started.stop();
    } catch (error) {
      const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
      process.send?.({ kind: "failed", message } satisfies FromChild<Ready>, undefined, undefined, () =>
        process.exit(1),
      );
    }
  });
}

export type Child<Ready> = {
  pid: number;
  ready: Ready;
  process: ChildProcess;
  /** Asks it to drain and end within `limitMs`; resolves when the process is gone. One that hangs is killed. */
  stop: (limitMs?: number) => Promise<void>;
  /** Resolves when the process is gone, for whatever reason. */
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
};

/**
 * Starts `file` as a child on this Node and waits until it is ready; its output goes to `logFd`, or to ours. Where the
 * options are still to come it loads its modules meanwhile. Throws with the child's own message when it fails, and ends
 * it when there are no options to start with.
 */
export async function startChild<Options, Ready>(
  file: string,
  options: Options | Promise<Options>,
  settings: { env?: Record<string, string>; execArgv?: string[]; logFd?: number } = {},
): Promise<Child<Ready>> {
  const output = settings.logFd ?? "inherit";
  const child = fork(file, [], {
    env: { ...process.env, ...settings.env },
    execArgv: ["--import", LEAN_MODULES, ...(settings.execArgv ?? [])],
    stdio: ["ignore", output, output, "ipc"],
  });
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal }));
  });
  try {
    child.send({ kind: "start", options: await options } satisfies ToChild, () => {});
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
  const ready = await new Promise<Ready>((resolve, reject) => {
    child.once("message", (message: FromChild<Ready>) => {
      if (message.kind === "ready") resolve(message.ready);
      else reject(new Error(message.message));
    });
    void exited.then(({ code, signal }) =>
      reject(new Error(`it ended before it was ready (${signal ?? `exit code ${code}`})`)),
    );
    child.once("error", reject);
  });
  const stop = async (limitMs = STOP_LIMIT_MS) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    if (child.connected) child.send({ kind: "stop", limitMs } satisfies ToChild, () => {});
    const killer = setTimeout(() => child.kill("SIGKILL"), limitMs + KILL_GRACE_MS);
    await exited;
    clearTimeout(killer);
  };
  return { pid: child.pid ?? 0, ready, process: child, stop, exited };
}
