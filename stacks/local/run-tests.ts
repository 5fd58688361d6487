import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const TEST = fileURLToPath(new URL("commands/test.ts", import.meta.url));

/** One project of the tests, or some of its files, in a process with these variables more; its exit code. */
export const runTests = (project: string, variables: Record<string, string>, ...files: readonly string[]): number =>
  spawnSync(process.execPath, [TEST, "--project", project, ...files], {
    env: { ...process.env, ...variables },
    stdio: "inherit",
  }).status ?? 1;

/** 50 kills of the writer and 10 of everything under a load of 200,000 events, at moments of the seed, which is told. */
export function runKills(seed: string): number {
  console.log(`kills: seed ${seed}. Again: npm run test:kills -- --seed ${seed}`);
  const how = { KILL_EVENTS: "200000", KILLS_OF_WRITER: "50", KILLS_OF_GROUP: "10", KILL_SEED: seed };
  return runTests("kills", how, "functions/testing/journeys/writer-kills.test.ts");
}

export const aSeed = (): string => String(Date.now() % 2 ** 31);
