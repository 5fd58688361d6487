import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Load, LoadResult } from "./generator.ts";
import type { FromWorker } from "./worker.ts";

/** Another process of the bench; it ends with `stop`, or when the bench is gone. */
type Peer = { pid: number; stop: () => Promise<void> };
export type Generator = Peer & { run: (load: Load) => Promise<LoadResult> };
export type BareServer = Peer & { port: number };

/** The load generator in a process of its own, so that its work is not ours. */
export function startGenerator(): Generator {
  const child = start("worker");
  return {
    ...peerOf(child),
    run: async (load) => {
      child.send(load);
      const message = await answerOf<FromWorker>(child);
      if (message.kind === "failed") throw new Error(`the load generator failed: ${message.message}`);
      return message.result;
    },
  };
}

/** The bare `node:http` server that ours is compared with. */
export async function startBareServer(): Promise<BareServer> {
  const child = start("bare-server");
  return { ...peerOf(child), port: await answerOf<number>(child) };
}

const start = (name: string) => fork(fileURLToPath(new URL(`${name}.ts`, import.meta.url)));

function peerOf(child: ChildProcess): Peer {
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.disconnect();
    await once(child, "exit");
  };
  return { pid: child.pid ?? 0, stop };
}

function answerOf<Message>(child: ChildProcess): Promise<Message> {
  return new Promise((resolve, reject) => {
    const ended = () => reject(new Error("a process of the bench ended"));
    child.once("exit", ended);
    child.once("message", (message) => {
      child.off("exit", ended);
      resolve(message as Message);
    });
  });
}
