import { parseArgs } from "node:util";
import { aSeed, runKills } from "../run-tests.ts";

/** `npm run test:kills`: the writer and everything killed under load, at random moments; `--seed 7` at those of that seed. */
const { values } = parseArgs({ options: { seed: { type: "string" } } });
process.exit(runKills(values.seed ?? aSeed()));
