import { setTimeout as wait } from "node:timers/promises";
import { eventually } from "../local-system.ts";
import type { FaultProxy } from "./fault-proxy.ts";
import type { Rig, RigSource } from "./rig.ts";

/** The door has claimed and its put is on the way by then; its budget for a put is 300 ms. */
const PUT_SENT_MS = 100;
/** The put is answered by then, and the door waits for the cache, for 150 ms at the most, before it answers. */
const PUT_ANSWERED_MS = 60;

/** Where a door dies: its claim still pending, or confirmed. */
export type DeathAfter = "put" | "confirm";

/**
 * Makes a call and kills the doors (SIGKILL) when its put is sent, or when its confirmation is, and before its answer:
 * the stream stands still, in the second case the cache after it, and goes on with what the dead door had sent. Resolves
 * when the client has delivered; answers whether the event was in the table before the client came again, which says
 * that the kill was in time.
 */
export async function killBeforeAnswer(
  rig: Rig,
  proxy: FaultProxy,
  source: RigSource,
  after: DeathAfter,
  call: () => Promise<unknown>,
): Promise<boolean> {
  const { stream = 0, cache = 0, doors = 0 } = rig.running().children;
  let delivered: Promise<unknown> = Promise.resolve();
  try {
    process.kill(stream, "SIGSTOP");
    delivered = call();
    await eventually(async () => {
      if (proxy.calls().length === 0) throw new Error("the client has not called");
    });
    await wait(PUT_SENT_MS);
    if (after === "confirm") {
      process.kill(cache, "SIGSTOP");
      process.kill(stream, "SIGCONT");
      await wait(PUT_ANSWERED_MS);
    }
    process.kill(doors, "SIGKILL");
  } finally {
    for (const engine of [stream, cache]) process.kill(engine, "SIGCONT");
  }
  const storedAtMs = await eventually(async () => {
    if ((await rig.count(source, "true")) === 0) throw new Error("nothing is stored");
    return performance.now();
  });
  await delivered;
  const [first, second] = proxy.calls();
  return first?.status === undefined && second !== undefined && storedAtMs < second.atMs;
}
