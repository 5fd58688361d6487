import { parseArgs } from "node:util";
import { aSeed, runKills, runTests } from "../run-tests.ts";

/**
 * `npm run test:long`: the door under 50 seeds of random batches, faults and retries, where `npm test` runs five; the
 * writer under 20 of crashes and new cuts, where it runs one; then the kills of `npm run test:kills`. `--door` or
 * `--writer`: only the one of them. `--seeds 200` runs more; `--seed 7` that one alone and no kills, as a failure asks for.
 */
const { values } = parseArgs({
  options: {
    seeds: { type: "string" },
    seed: { type: "string" },
    door: { type: "boolean" },
    writer: { type: "boolean" },
  },
});
const { seeds, seed = "", door = false, writer = false } = values;
const all = !door && !writer;
const files = [
  ...(all || door ? ["functions/testing/faults/property.engine.test.ts"] : []),
  ...(all || writer ? ["functions/testing/faults/writer-property.engine.test.ts"] : []),
];
const variables = { FAULT_SEEDS: seeds ?? "50", WRITER_SEEDS: seeds ?? "20", FAULT_SEED: seed };
const faults = runTests("integration", variables, ...files);
process.exit(all && seed === "" ? Math.max(faults, runKills(aSeed())) : faults);
