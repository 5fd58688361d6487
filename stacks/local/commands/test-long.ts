import { parseArgs } from "node:util";
import { runTests } from "../run-tests.ts";

/**
 * `npm run test:long`: the door under 50 seeds of random batches, faults and retries, where `npm test` runs five, and the
 * writer under 20 of crashes and new cuts, where it runs one. `--seeds 200` runs more, `--seed 7` that one alone, as a
 * failure asks for; `--door` or `--writer` only the one of them.
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
const both = door === writer;
const files = [
  ...(both || door ? ["functions/testing/faults/property.engine.test.ts"] : []),
  ...(both || writer ? ["functions/testing/faults/writer-property.engine.test.ts"] : []),
];
const variables = { FAULT_SEEDS: seeds ?? "50", WRITER_SEEDS: seeds ?? "20", FAULT_SEED: seed };
process.exit(runTests("integration", variables, ...files));
