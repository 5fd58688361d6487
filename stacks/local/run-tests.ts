import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const TEST = fileURLToPath(new URL("commands/test.ts", import.meta.url));

/** One project of the tests, or some of its files, in a process with these variables more; its exit code. */
export const runTests = (project: string, variables: Record<string, string>, ...files: readonly string[]): number =>
  spawnSync(process.execPath, [TEST, "--project", project, ...files], {
    env: { ...process.env, ...variables },
    stdio: "inherit",
  }).status ?? 1;
