import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { MUTATIONS, type Mutation } from "../../../functions/testing/mutations.ts";

const HELP = `Shows that the tests can fail: applies each mutation of functions/testing/mutations.ts, one at a time, to a copy of
the repository, and runs the test that must turn red.

  npm run mutate                     all of them
  npm run mutate -- --only flatten   those whose name holds that`;

const { values } = parseArgs({ options: { only: { type: "string" }, help: { type: "boolean" } } });
if (values.help) {
  console.log(HELP);
  process.exit(0);
}
const root = fileURLToPath(new URL("../../..", import.meta.url));
const chosen = MUTATIONS.filter(({ name }) => name.includes(values.only ?? ""));
const copy = mkdtempSync(join(tmpdir(), "millrace-mutate-"));
try {
  copyTree(copy);
  // All as it is, in one run: a test that fails by itself shows nothing when it fails with a mutation.
  const before = reportOf([...new Set(chosen.map(({ testFile }) => testFile))]);
  let red = 0;
  for (const mutation of chosen) {
    const verdict = verdictOf(mutation, before);
    if (verdict === "red") red++;
    const sentence = verdict === "red" ? `"${mutation.test}" turns red` : verdict;
    console.log(`${verdict === "red" ? "✓" : "✗"} ${mutation.name}: ${sentence}`);
  }
  console.log(`${red} passed, ${chosen.length - red} failed`);
  process.exitCode = red === chosen.length && red > 0 ? 0 : 1;
} finally {
  rmSync(copy, { recursive: true, force: true });
}

/** Everything that git knows or would take, with the dependencies linked. */
function copyTree(to: string): void {
  const listed = spawnSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
  });
  if (listed.status !== 0) throw new Error(`git ls-files: ${listed.stderr}`);
  const files = listed.stdout.split("\0").filter((file) => file !== "" && existsSync(join(root, file)));
  for (const file of files) cpSync(join(root, file), join(to, file), { recursive: true, force: true });
  symlinkSync(join(root, "node_modules"), join(to, "node_modules"));
}

/** "red" when the named test passes as it is and fails with the mutation; else a sentence that says what happened instead. */
function verdictOf({ file, find, replace, testFile, test }: Mutation, before: Report): string {
  const path = join(copy, file);
  const original = readFileSync(path, "utf8");
  const times = original.split(find).length - 1;
  if (times !== 1) return `"${find}" stands ${times} times in ${file}, not once`;
  const asItIs = stateOf(before, test);
  if (asItIs !== "passed") return `"${test}" is ${asItIs} without the mutation`;
  try {
    writeFileSync(
      path,
      original.replace(find, () => replace),
    );
    const mutated = stateOf(reportOf([testFile, "-t", test.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")]), test);
    return mutated === "failed" ? "red" : `"${test}" is ${mutated} with the mutation`;
  } finally {
    writeFileSync(path, original);
  }
}

type Report = { testResults: { assertionResults: { title: string; status: string }[] }[] };

/** What vitest says of a run with these arguments; nothing when it could not even begin. */
function reportOf(args: string[]): Report {
  const output = join(copy, "mutate-report.json");
  rmSync(output, { force: true });
  const vitest = join(copy, "node_modules", "vitest", "vitest.mjs");
  spawnSync(process.execPath, [vitest, "run", ...args, "--reporter=json", `--outputFile=${output}`], {
    cwd: copy,
    env: { ...process.env, LOG_LEVEL: "silent" },
    stdio: "ignore",
    timeout: 600_000,
  });
  return existsSync(output) ? (JSON.parse(readFileSync(output, "utf8")) as Report) : { testResults: [] };
}

/** "failed" when one of the tests of that name failed, "passed" when all passed, "missing" when none ran. */
function stateOf({ testResults }: Report, test: string): string {
  const states = testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ title, status }) => title.includes(test) && status !== "skipped" && status !== "pending")
    .map(({ status }) => status);
  return states.length === 0 ? "missing" : states.includes("failed") ? "failed" : "passed";
}
