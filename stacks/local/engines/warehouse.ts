import { setTimeout as sleep } from "node:timers/promises";
import { runChild } from "../child.ts";
import type { EngineOptions, EngineReady } from "./list.ts";
import { openDoor } from "./warehouse/door.ts";
import { openEngine } from "./warehouse/engine.ts";
import { createPerform } from "./warehouse/perform.ts";
import { createProcesses } from "./warehouse/processes.ts";
import { openScratch } from "./warehouse/scratch.ts";

/** Every running query holds one thread of libuv's pool, which reads this when it is first used. */
const THREADS = "48";
process.env.UV_THREADPOOL_SIZE = THREADS;

/** Of the 4 s that a child has to end, those for the inserts in flight. */
const DRAIN_MS = 3_000;

/** The local warehouse: chdb behind ClickHouse's HTTP interface. Its folder's README says what differs from a server. */
runChild<EngineOptions, EngineReady>(async ({ dataDir, port }) => {
  const engine = await openEngine(dataDir);
  const scratch = await openScratch(dataDir);
  const processes = createProcesses(engine);
  const door = await openDoor(engine, createPerform(engine, processes, scratch), port);
  const stop = async () => {
    door.close();
    door.closeIdleConnections();
    const drained = await Promise.race([processes.drain().then(() => true), sleep(DRAIN_MS, false)]);
    await scratch.remove();
    if (drained) return engine.close();
    // Under a running query the engine's own end waits for ever, and whoever would kill us may be gone; what was
    // acknowledged is in files.
    process.kill(process.pid, "SIGKILL");
  };
  return { ready: { port: door.port, url: `http://127.0.0.1:${door.port}` }, stop };
});
