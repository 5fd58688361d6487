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
  const verdicts = chosen.map((mutation) => {
    const verdict = tryMutation(mutation);
    console.log(
      `${verdict === "red" ? "✓" : "✗"} ${mutation.name}: ${verdict === "red" ? `"${mutation.test}" turns red` : verdict}`,
    );
    return verdict;
  });
  const passed = verdicts.filter((verdict) => verdict === "red").length;
  console.log(`${passed} passed, ${verdicts.length - passed} failed`);
  process.exitCode = passed === verdicts.length && passed > 0 ? 0 : 1;
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
function tryMutation({ file, find, replace, testFile, test }: Mutation): string {
  const path = join(copy, file);
  const original = readFileSync(path, "utf8");
  if (original.split(find).length !== 2)
    return `"${find}" stands ${original.split(find).length - 1} times in ${file}, not once`;
  const before = stateOf(testFile, test);
  if (before !== "passed") return `"${test}" is ${before} without the mutation`;
  try {
    writeFileSync(
      path,
      original.replace(find, () => replace),
    );
    const after = stateOf(testFile, test);
    return after === "failed" ? "red" : `"${test}" is ${after} with the mutation`;
  } finally {
    writeFileSync(path, original);
  }
}

type Report = { testResults: { assertionResults: { title: string; status: string }[] }[] };

/** What one run says of the tests of that name: "failed" when one of them failed, "passed" when all passed, "missing". */
function stateOf(testFile: string, test: string): string {
  const output = join(copy, "mutate-report.json");
  rmSync(output, { force: true });
  const vitest = join(copy, "node_modules", "vitest", "vitest.mjs");
  const pattern = test.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  spawnSync(process.execPath, [vitest, "run", testFile, "-t", pattern, "--reporter=json", `--outputFile=${output}`], {
    cwd: copy,
    env: { ...process.env, LOG_LEVEL: "silent" },
    stdio: "ignore",
    timeout: 180_000,
  });
  let report: Report;
  try {
    report = JSON.parse(readFileSync(output, "utf8")) as Report;
  } catch {
    return "without a report";
  }
  const states = report.testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ title, status }) => title.includes(test) && status !== "skipped" && status !== "pending")
    .map(({ status }) => status);
  return states.length === 0 ? "missing" : states.includes("failed") ? "failed" : "passed";
}
