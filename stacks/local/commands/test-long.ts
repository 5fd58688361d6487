import { parseArgs } from "node:util";
import { runTests } from "../run-tests.ts";

/**
 * `npm run test:long`: the door under 50 seeds of random batches, faults and retries, where `npm test` runs five.
 * `--seeds 200` runs more, `--seed 7` that one alone, as a failure asks for.
 */
const { values } = parseArgs({ options: { seeds: { type: "string" }, seed: { type: "string" } } });
const { seeds = "50", seed = "" } = values;
const file = "functions/testing/faults/property.engine.test.ts";
process.exit(runTests("integration", { FAULT_SEEDS: seeds, FAULT_SEED: seed }, file));
