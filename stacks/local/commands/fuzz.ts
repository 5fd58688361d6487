import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

/**
 * `npm run fuzz -- --seconds 60 --seed 7`: requests of every kind against the ingest door over quiet ports. It says its
 * seed, how many requests there were and how many of them reached publish; and of a failure the smallest request that
 * makes it.
 */
const { values } = parseArgs({ options: { seconds: { type: "string" }, seed: { type: "string" } } });
const { seconds = "60", seed = String(Date.now() % 2 ** 31) } = values;
console.log(`fuzz: seed ${seed}, for ${seconds} s. Again: npm run fuzz -- --seconds ${seconds} --seed ${seed}`);
const test = fileURLToPath(new URL("test.ts", import.meta.url));
const { status } = spawnSync(process.execPath, [test, "--project", "unit", "functions/testing/faults/fuzz.test.ts"], {
  env: { ...process.env, FUZZ_SECONDS: seconds, FUZZ_SEED: seed },
  stdio: "inherit",
});
process.exit(status ?? 1);
