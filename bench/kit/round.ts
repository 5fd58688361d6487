import { setTimeout as wait } from "node:timers/promises";
import { sql } from "../../functions/testing/local-client.ts";
import { isOfRun } from "../load/bodies.ts";
import type { Load, LoadResult } from "../load/generator.ts";
import type { Generator } from "../load/peers.ts";
import type { BenchSystem } from "./system.ts";

/** What one run of requests cost the system, until the last event could be queried. */
export type Round = LoadResult & {
  /** From the first byte to the poll that saw the last event. */
  queryableSeconds: number;
  /** CPU of each process in that time. */
  cpu: Record<string, number>;
  cpuAll: number;
  /** CPU of all afterwards, until nothing was left to do: merges of the table, mostly. */
  cpuAfter: number;
  /**
   * By message id: acknowledged but not there, and there more than once. `lost` is a lower bound where a connection
   * broke: what was in flight on it may be there or not, and counts for one that is not.
   */
  lost: number;
  doubled: number;
};

/** Counting rows of a whole table reads no column: the engine answers from its list of parts. */
const COUNT_ROWS = "SELECT count() FROM events";
/** Each poll opens a connection in the local engine: more of them would be measured too. */
const POLL_MS = 50;
const DRAIN_LIMIT_MS = 120_000;

let runs = 0;

/** Sends the load, waits until all of it can be queried and the system is at rest, and counts by id what is there. */
export async function runRound(
  system: BenchSystem,
  generator: Generator,
  load: Omit<Load, "port" | "run">,
  restLimitMs: number,
): Promise<Round> {
  const { running } = system;
  const count = async () => Number((await sql<[number]>(running, COUNT_ROWS))[0]?.[0]);
  const [before, usageBefore, run] = [await count(), await system.usage(), ++runs];
  const result = await generator.run({ ...load, port: Number(new URL(running.ingestUrl).port), run });
  const limit = Date.now() + DRAIN_LIMIT_MS;
  while ((await count()) < before + result.acknowledged && Date.now() < limit) await wait(POLL_MS);
  const queryableSeconds = (Date.now() - result.startedAt) / 1_000;
  const usage = await system.usage();
  const cpu = Object.fromEntries(
    Object.entries(usage).map(([name, { cpuSeconds }]) => [name, cpuSeconds - (usageBefore[name]?.cpuSeconds ?? 0)]),
  );
  await rested(system, restLimitMs);
  const cpuAfter = total(await system.usage()) - total(usage);
  const [stored = [0, 0]] = await sql<[number, number]>(
    running,
    `SELECT count(), uniqExact(message_id) FROM events WHERE ${isOfRun(run)}`,
  );
  return {
    ...result,
    queryableSeconds,
    cpu,
    cpuAll: Object.values(cpu).reduce((sum, seconds) => sum + seconds, 0),
    cpuAfter,
    lost: Math.max(0, result.acknowledged - stored[1]),
    doubled: stored[0] - stored[1],
  };
}

const total = (usage: Record<string, { cpuSeconds: number }>) =>
  Object.values(usage).reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);

/** Below this share of one core nothing but idle polling goes on. */
const REST_SHARE = 0.25;
const REST_SAMPLE_MS = 500;

async function rested(system: BenchSystem, limitMs: number): Promise<void> {
  const limit = Date.now() + limitMs;
  let before = total(await system.usage());
  while (Date.now() < limit) {
    await wait(REST_SAMPLE_MS);
    const now = total(await system.usage());
    if (now - before < (REST_SHARE * REST_SAMPLE_MS) / 1_000) return;
    before = now;
  }
}
