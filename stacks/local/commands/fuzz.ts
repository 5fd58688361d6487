import { parseArgs } from "node:util";
import { runTests } from "../run-tests.ts";

/**
 * `npm run fuzz -- --seconds 60 --seed 7`: requests of every kind against the ingest door over quiet ports. It says its
 * seed, how many requests there were and how many of them reached publish; and of a failure the smallest request that
 * makes it.
 */
const { values } = parseArgs({ options: { seconds: { type: "string" }, seed: { type: "string" } } });
const { seconds = "60", seed = String(Date.now() % 2 ** 31) } = values;
console.log(`fuzz: seed ${seed}, for ${seconds} s. Again: npm run fuzz -- --seconds ${seconds} --seed ${seed}`);
process.exit(runTests("unit", { FUZZ_SECONDS: seconds, FUZZ_SEED: seed }, "functions/testing/faults/fuzz.test.ts"));
