import { setTimeout as wait } from "node:timers/promises";
import { sql } from "../functions/testing/local-client.ts";
import type { Question } from "./kit/scale.ts";
import { spreadOf } from "./kit/statistics.ts";
import { startBenchSystem } from "./kit/system.ts";
import { number } from "./kit/table.ts";
import { isOfRun } from "./load/bodies.ts";
import { startGenerator } from "./load/peers.ts";

const LOAD = { eventsPerRequest: 100, connections: 64, ids: "mixed" as const };
const RUN = 1;
const SLICE_SECONDS = 5;
const POLL_MS = 100;
const DRAIN_LIMIT_MS = 600_000;

/**
 * How much memory does the writer take with a backlog of a million events before it? The consumers are stopped while the
 * stream fills, then go on until the last event can be queried.
 */
export const memory: Question = async ({ scale, seed, say }) => {
  const [system, generator] = [await startBenchSystem(), startGenerator()];
  const { workers = 0 } = system.running.children;
  try {
    const before = (await system.usage()).workers?.peakMb ?? 0;
    process.kill(workers, "SIGSTOP");
    const port = Number(new URL(system.running.ingestUrl).port);
    const rounds = [];
    let acknowledged = 0;
    for (let run = RUN; acknowledged < scale.backlogEvents; run++) {
      rounds.push(await generator.run({ ...LOAD, seed, port, run, seconds: SLICE_SECONDS }));
      acknowledged = rounds.reduce((sum, round) => sum + round.acknowledged, 0);
      say(`memory: ${number(acknowledged)} events wait on the stream`);
    }
    const cpuBefore = await system.usage();
    process.kill(workers, "SIGCONT");
    const started = Date.now();
    const stored = async () => Number((await sql<[number]>(system.running, "SELECT count() FROM events"))[0]?.[0]);
    while ((await stored()) < acknowledged && Date.now() < started + DRAIN_LIMIT_MS) await wait(POLL_MS);
    const seconds = (Date.now() - started) / 1_000;
    const usage = await system.usage();
    const runs = rounds.map((_, at) => isOfRun(RUN + at)).join(" OR ");
    const [[rows, distinct] = [0, 0]] = await sql<[number, number]>(
      system.running,
      `SELECT count(), uniqExact(message_id) FROM events WHERE ${runs}`,
    );
    const peakMb = usage.workers?.peakMb ?? Number.NaN;
    const cpu = (name: string) => (usage[name]?.cpuSeconds ?? 0) - (cpuBefore[name]?.cpuSeconds ?? 0);
    const what = `${number(acknowledged)} events of backlog`;
    const row = (unit: string, value: number) => ({ question: "memory", what, unit, ours: spreadOf([value]) });
    return {
      rows: [
        {
          ...row("MB, peak of all consumers' process", peakMb),
          target: { name: "M1", of: "ours", at: "most", bound: 512 },
        },
        row("events/s until queryable", acknowledged / seconds),
        {
          ...row("events lost or stored twice", acknowledged - distinct + (rows - distinct)),
          target: { name: "F1", of: "ours", at: "most", bound: 0 },
        },
      ],
      notes: [
        `memory: ${number(before)} MB before the load; µs of CPU an event: workers ${number((cpu("workers") * 1e6) / acknowledged)}, warehouse ${number((cpu("warehouse") * 1e6) / acknowledged)}, stream ${number((cpu("stream") * 1e6) / acknowledged)}.`,
        ...rounds.flatMap(({ failures }) =>
          Object.entries(failures).map(([said, times]) => `NOT TAKEN: ${times} × ${said}.`),
        ),
      ],
      measured: { acknowledged, seconds, peakMb, rows, distinct, rounds },
    };
  } finally {
    await Promise.all([system.stop(), generator.stop()]);
  }
};
