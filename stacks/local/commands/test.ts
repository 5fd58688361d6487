import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startVitest } from "vitest/node";
import { rowsWithoutTest } from "../../../functions/testing/contract-rows.ts";

/**
 * `npm test`: every suite that needs no system package, and a last line that says how many tests ran. Names of files or
 * vitest's own options may follow (`npm test -- functions/ingest`, `npm test -- -t "late"`).
 */
const PROJECTS = ["unit", "integration", "sdks", "journeys", "kills"];
const HELP = `Runs the tests. It needs no network and no system package.

  npm test                                   everything but what needs Redis, LocalStack or a browser
  npm test -- functions/ingest               only files whose path holds that
  npm test -- --project unit -t "flatten"    one project, tests whose name holds that`;

const args = process.argv.slice(2);
if (args.includes("--help")) {
  console.log(HELP);
  process.exit(0);
}

process.env.LOG_LEVEL ??= "silent";
const root = fileURLToPath(new URL("../../..", import.meta.url));
// The tests start hundreds of processes from the same files: Node keeps what it made of them. Where it may not write, it does without.
process.env.NODE_COMPILE_CACHE ??= join(root, "node_modules/.cache/millrace/compiled");
// So are the workers of vitest, each of which loads the database's client.
process.env.NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ""} --import ${new URL("../lean-modules.mjs", import.meta.url).href}`;
const started = performance.now();
const option = (name: string) => {
  const at = args.indexOf(name);
  return at < 0 ? undefined : args.splice(at, 2)[1];
};
const project = option("--project");
const testNamePattern = option("-t");
const vitest = await startVitest("test", args, {
  root,
  watch: false,
  project: project ? [project] : PROJECTS,
  ...(testNamePattern && { testNamePattern }),
});
const modules = vitest.state.getTestModules();
const tests = modules.flatMap((module) => [...module.children.allTests()]);
const count = (state: string) => tests.filter((test) => test.result().state === state).length;
const broken = modules.filter(
  (module) => module.state() === "failed" && [...module.children.allTests("failed")].length === 0,
);
const [passed, failed] = [count("passed"), count("failed") + broken.length];
const unhandled = vitest.state.getUnhandledErrors().length;
await vitest.close();

console.log(`\n${((performance.now() - started) / 1_000).toFixed(0)} s`);
for (const module of modules.filter((module) => module.state() === "failed"))
  console.log(`run again: npm test -- ${module.relativeModuleId}`);
if (args.length === 0 && !project && !testNamePattern) sayUntestedRows(tests.map((test) => test.fullName));
console.log(`${passed} passed, ${failed + unhandled} failed`);
process.exit(failed + unhandled > 0 || passed === 0 ? 1 : 0);

/** What the contract demands and no test shows yet: most of it is not built. */
function sayUntestedRows(titles: readonly string[]): void {
  const rows = rowsWithoutTest(titles);
  const byLetter = Map.groupBy(rows, (row) => row[0] ?? "");
  if (rows.length > 0) console.log(`${rows.length} rows of the contract that no test names:`);
  for (const group of byLetter.values()) console.log(`  ${group.join(" ")}`);
}
