import { parseArgs } from "node:util";
import { messageOf } from "../../kit/errors.ts";
import type { Verdict } from "./judge.ts";
import { type ChaosResult, DRAIN_LIMIT_MS, runChaos } from "./run-chaos.ts";

const HELP = `Runs a whole system of its own under traffic and faults, and checks that nothing was lost, doubled or told.

  npm run chaos                            30 minutes of a random seed, which is printed
  npm run chaos -- --minutes 2 --seed 7    2 minutes of that plan

Doors, workers, every engine, the supervisor and the whole group are killed and started again, or hang; inserts outlive
their writer, the table refuses inserts, dead letters and the archive are replayed under traffic, and calls of the stores
fail, are lost, late, doubled or cut. About every 2 minutes the faults end, everything must drain within ${DRAIN_LIMIT_MS / 1_000} s, and
the invariants I1-I6, I9 and I10 are checked by the names of the events. A seed fixes traffic, faults and their order; the
moments are the machine's. It runs longer than asked where a fault has not happened yet. Linux only.

Exit codes: 0 all invariants hold, 1 one does not, 2 wrong use.`;

const say = (line: string) => console.log(line);
const SEED_MAX = 2 ** 31;

function readOptions(): { minutes: number; seed: number } | "help" {
  const { values } = parseArgs({
    options: { minutes: { type: "string" }, seed: { type: "string" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help) return "help";
  const minutes = Number(values.minutes ?? 30);
  if (!(minutes > 0 && minutes <= 24 * 60)) throw new Error("--minutes must be a number above 0, at most 1440.");
  const seed = values.seed === undefined ? Math.floor(Math.random() * SEED_MAX) : Number(values.seed);
  if (!Number.isInteger(seed) || seed < 0 || seed >= SEED_MAX)
    throw new Error(`--seed must be a whole number from 0 to ${SEED_MAX - 1}.`);
  return { minutes, seed };
}

async function main(): Promise<number> {
  let options: ReturnType<typeof readOptions>;
  try {
    options = readOptions();
  } catch (error) {
    console.error(`millrace  ${messageOf(error)} See npm run chaos -- --help.`);
    return 2;
  }
  if (options === "help") {
    say(HELP);
    return 0;
  }
  const { minutes, seed } = options;
  const again = `npm run chaos -- --minutes ${minutes} --seed ${seed}`;
  say(`chaos: seed ${seed}, for ${minutes} minutes. Again: ${again}`);
  try {
    const result = await runChaos({ minutes, seed, say });
    return report(result, `seed ${seed}, again: ${again}`);
  } catch (error) {
    say(`the run could not go on: ${messageOf(error)}\nseed ${seed}, again: ${again}\n0 passed, 1 failed`);
    return 1;
  }
}

function report({ verdicts, injected, dataDir }: ChaosResult, again: string): number {
  say("\ninjected");
  for (const [name, times] of injected) say(`  ${name.padEnd(36)}${String(times).padStart(8)}`);
  say("\ninvariants");
  for (const { name, says, broken } of verdicts)
    say(`  ${name.padEnd(10)}${broken.length === 0 ? "holds " : "BROKEN"}  ${says}`);
  const failed = verdicts.filter(({ broken }) => broken.length > 0);
  const [first] = failed;
  if (first) sayViolation(first, failed, again, dataDir);
  say(`${verdicts.length - failed.length} passed, ${failed.length} failed`);
  return first ? 1 : 0;
}

function sayViolation(first: Verdict, failed: readonly Verdict[], again: string, dataDir: string | undefined): void {
  say(`\nfirst violation: ${first.name}, ${first.says}`);
  for (const { name, broken } of failed) for (const what of broken) say(`  ${name.padEnd(10)}${what}`);
  say(`  ${again}\n  the data and the logs are in ${dataDir}`);
}

process.exitCode = await main();
// A handle that a library keeps open must not hold the terminal.
process.exit();
