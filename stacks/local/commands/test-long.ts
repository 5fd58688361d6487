import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

/**
 * `npm run test:long`: the door under 50 seeds of random batches, faults and retries, where `npm test` runs five.
 * `--seeds 200` runs more, `--seed 7` that one alone, as a failure asks for.
 */
const { values } = parseArgs({ options: { seeds: { type: "string" }, seed: { type: "string" } } });
const { seeds = "50", seed = "" } = values;
const test = fileURLToPath(new URL("test.ts", import.meta.url));
const file = "functions/testing/faults/property.engine.test.ts";
const { status } = spawnSync(process.execPath, [test, "--project", "integration", file], {
  env: { ...process.env, FAULT_SEEDS: seeds, FAULT_SEED: seed },
  stdio: "inherit",
});
process.exit(status ?? 1);
