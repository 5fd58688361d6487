import { failuresOf } from "./door.ts";
import { type Round, runRound } from "./kit/round.ts";
import type { Row, Target } from "./kit/row.ts";
import type { Answer, Asked, Question } from "./kit/scale.ts";
import { spreadOf } from "./kit/statistics.ts";
import { startBenchSystem } from "./kit/system.ts";
import { number } from "./kit/table.ts";
import { startGenerator } from "./load/peers.ts";

type Shape = { eventsPerRequest: number; connections: number; target: Target };
const SHAPES: Shape[] = [
  {
    eventsPerRequest: 100,
    connections: 64,
    target: { name: "P1", of: "ours", at: "least", bound: 30_000, toBeProudOf: 55_000 },
  },
  {
    eventsPerRequest: 1,
    connections: 512,
    target: { name: "P1", of: "ours", at: "least", bound: 10_000, toBeProudOf: 16_000 },
  },
];

/**
 * How many events a second, from the first byte of HTTP until the last one can be queried, and is each there once? A
 * fresh system for each shape, so that the peaks of memory are its own.
 */
export const endToEnd: Question = async (asked) => {
  const answers: Answer[] = [];
  for (const shape of SHAPES) answers.push(await measure(asked, shape));
  return {
    rows: answers.flatMap(({ rows }) => rows),
    notes: answers.flatMap(({ notes }) => notes),
    measured: answers.map(({ measured }) => measured),
  };
};

async function measure({ scale, seed, say }: Asked, { eventsPerRequest, connections, target }: Shape): Promise<Answer> {
  const [system, generator] = [await startBenchSystem(), startGenerator()];
  const what = `${eventsPerRequest} a request, ${connections} connections`;
  const load = { eventsPerRequest, connections, seed, ids: "mixed" as const };
  const rounds: Round[] = [];
  try {
    await runRound(system, generator, { ...load, seconds: scale.warmUpSeconds }, scale.restLimitMs);
    for (let round = 1; round <= scale.rounds; round++) {
      say(`end-to-end: ${what}, round ${round} of ${scale.rounds}`);
      rounds.push(await runRound(system, generator, { ...load, seconds: scale.seconds }, scale.restLimitMs));
    }
    const usage = await system.usage();
    const away = (await system.logs())
      .split("\n")
      .filter((line) => line.includes('"level":"warn"') || line.includes('"level":"error"'));
    const peakMb = Object.fromEntries(Object.entries(usage).map(([name, one]) => [name, one.peakMb]));
    return {
      rows: rowsOf(what, target, rounds, peakMb),
      notes: [noteOf(what, rounds, peakMb, away)],
      measured: { what, rounds, peakMb, complaints: away.slice(0, 20) },
    };
  } finally {
    await Promise.all([system.stop(), generator.stop()]);
  }
}

function rowsOf(what: string, target: Target, rounds: readonly Round[], peakMb: Record<string, number>): Row[] {
  const row = (unit: string, values: readonly number[]): Row => ({
    question: "end-to-end",
    what,
    unit,
    ours: spreadOf(values),
  });
  const wrong = rounds.map(({ lost, doubled }) => lost + doubled);
  return [
    {
      ...row(
        "events/s, HTTP to queryable",
        rounds.map((round) => round.acknowledged / round.queryableSeconds),
      ),
      target,
    },
    row(
      "events/CPU-s, all processes",
      rounds.map((round) => round.acknowledged / round.cpuAll),
    ),
    { ...row("events lost or stored twice", wrong), target: { name: "F1", of: "ours", at: "most", bound: 0 } },
    row("MB resident, all peaks", [Object.values(peakMb).reduce((sum, mb) => sum + mb, 0)]),
  ];
}

function noteOf(
  what: string,
  rounds: readonly Round[],
  peakMb: Record<string, number>,
  complaints: readonly string[],
): string {
  const names = Object.keys(peakMb);
  const cpu = (name: string) => number(spreadOf(rounds.map((round) => round.cpu[name] ?? 0)).median);
  const each = names.map((name) => `${name} ${cpu(name)} s, ${number(Math.round(peakMb[name] ?? 0))} MB`).join("; ");
  const events = number(spreadOf(rounds.map((round) => round.events)).median);
  return [
    `end-to-end, ${what}: a round of ${events} events: CPU and peak memory: ${each}.`,
    `The generator used ${number(spreadOf(rounds.map((round) => round.cpuSeconds)).median)} s.`,
    ...(complaints.length > 0
      ? [`${complaints.length} warnings or errors in the logs, the first: ${complaints[0]?.slice(0, 200)}`]
      : []),
    ...failuresOf(rounds),
  ].join(" ");
}
