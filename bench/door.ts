import { type Round, runRound } from "./kit/round.ts";
import type { Row, Target } from "./kit/row.ts";
import type { Question } from "./kit/scale.ts";
import { ratioOf, spreadOf } from "./kit/statistics.ts";
import { startBenchSystem } from "./kit/system.ts";
import { number } from "./kit/table.ts";
import { usageOf } from "./kit/usage.ts";
import type { LoadResult } from "./load/generator.ts";
import { startBareServer, startGenerator } from "./load/peers.ts";

const SHAPES: { eventsPerRequest: number; connections: number; target?: Target }[] = [
  {
    eventsPerRequest: 1,
    connections: 512,
    target: { name: "P1", of: "ratio", at: "least", bound: 0.1, toBeProudOf: 0.2 },
  },
  { eventsPerRequest: 20, connections: 64 },
  {
    eventsPerRequest: 100,
    connections: 64,
    target: { name: "P1", of: "ratio", at: "least", bound: 0.035, toBeProudOf: 0.065 },
  },
];

type Bare = LoadResult & { cpu: number };

/**
 * How much of a bare `node:http` server is left when every event is checked, published durably and stored? Interleaved
 * runs of the whole system and of the server; what counts is events per CPU-second, over all processes of ours.
 */
export const door: Question = async ({ scale, seed, say }) => {
  const [system, generator, bare] = [await startBenchSystem(), startGenerator(), await startBareServer()];
  const rows: Row[] = [];
  const notes: string[] = [];
  const measured: Record<string, { ours: Round[]; bare: Bare[] }> = {};
  try {
    for (const { eventsPerRequest, connections, target } of SHAPES) {
      const shape = `${eventsPerRequest} a request, ${connections} connections`;
      const load = { eventsPerRequest, connections, seed, ids: "mixed" as const };
      const runOurs = (seconds: number) => runRound(system, generator, { ...load, seconds }, scale.restLimitMs);
      const runBare = async (seconds: number): Promise<Bare> => {
        const before = usageOf([bare.pid]).cpuSeconds;
        const result = await generator.run({ ...load, seconds, port: bare.port, run: 0 });
        if (result.acknowledged < result.events)
          throw new Error(`the bare server failed: ${JSON.stringify(result.failures)}`);
        return { ...result, cpu: usageOf([bare.pid]).cpuSeconds - before };
      };
      const runs: { ours: Round[]; bare: Bare[] } = { ours: [], bare: [] };
      await runOurs(scale.warmUpSeconds);
      await runBare(scale.warmUpSeconds);
      for (let round = 1; round <= scale.rounds; round++) {
        say(`door: ${shape}, round ${round} of ${scale.rounds}`);
        runs.ours.push(await runOurs(scale.seconds));
        runs.bare.push(await runBare(scale.seconds));
      }
      measured[shape] = runs;
      rows.push(...rowsOf(shape, runs, target));
      notes.push(noteOf(shape, runs));
    }
  } finally {
    await Promise.all([system.stop(), generator.stop(), bare.stop()]);
  }
  return { rows, notes, measured };
};

function rowsOf(shape: string, { ours, bare }: { ours: Round[]; bare: Bare[] }, target: Target | undefined): Row[] {
  const row = (unit: string, ofOurs: (round: Round) => number, ofBare: (run: Bare) => number): Row => {
    const [left, right] = [ours.map(ofOurs), bare.map(ofBare)];
    const reference = { what: "bare node:http", figure: spreadOf(right) };
    return { question: "door", what: shape, unit, ours: spreadOf(left), reference, ratio: ratioOf(left, right) };
  };
  const perCpu = row(
    "events/CPU-s, all processes",
    (r) => r.acknowledged / r.cpuAll,
    (r) => r.acknowledged / r.cpu,
  );
  return [
    row(
      "requests/s answered",
      (r) => r.requests / r.seconds,
      (r) => r.requests / r.seconds,
    ),
    row(
      "events/s answered",
      (r) => r.acknowledged / r.seconds,
      (r) => r.acknowledged / r.seconds,
    ),
    row(
      "events/CPU-s, doors alone",
      (r) => r.acknowledged / (r.cpu.doors ?? Number.NaN),
      (r) => r.acknowledged / r.cpu,
    ),
    { ...perCpu, ...(target && { target }) },
  ];
}

function noteOf(shape: string, { ours, bare }: { ours: Round[]; bare: Bare[] }): string {
  const per = (pick: (round: Round) => number) =>
    number(spreadOf(ours.map((round) => (pick(round) * 1e6) / round.acknowledged)).median);
  const names = Object.keys(ours[0]?.cpu ?? {});
  const cpu = names.map((name) => `${name} ${per((round) => round.cpu[name] ?? 0)}`).join(", ");
  const ms = (pick: (round: Round) => number) => number(spreadOf(ours.map(pick)).median);
  const generators = number(spreadOf(ours.map((round) => round.cpuSeconds / round.seconds)).median);
  const busy = number(spreadOf(bare.map((run) => run.cpu / run.seconds)).median);
  return [
    `door, ${shape}: µs of CPU an event: ${cpu}; afterwards, for merges, ${per((round) => round.cpuAfter)}.`,
    `Answered after p50 ${ms((r) => r.latencyMs.p50)} ms, p99 ${ms((r) => r.latencyMs.p99)} ms.`,
    `The generator used ${generators} of a core against ours; the bare server was at ${busy} of a core.`,
    ...failuresOf(ours),
  ].join(" ");
}

/** What was not answered 200 with every event taken, or not found afterwards exactly once. */
export function failuresOf(rounds: readonly Round[]): string[] {
  const answers = rounds.flatMap(({ failures }) =>
    Object.entries(failures).map(([said, times]) => `${times} × ${said}`),
  );
  const [lost, doubled] = [sum(rounds.map((round) => round.lost)), sum(rounds.map((round) => round.doubled))];
  return [
    ...(answers.length > 0 ? [`NOT TAKEN: ${answers.join("; ")}.`] : []),
    ...(lost + doubled > 0 ? [`LOST ${lost}, STORED TWICE ${doubled}.`] : []),
  ];
}

const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);
