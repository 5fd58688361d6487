import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runTests } from "../run-tests.ts";

/**
 * `npm run test:python`: the SDKs of Python, unmodified, against the running system. They are installed into an
 * environment under the temporary folder; where PyPI cannot be reached the suite is skipped, and says so.
 */
const PACKAGES = ["segment-analytics-python==2.3.4", "rudder-sdk-python==2.1.4", "posthog==7.53.0"];

const folder = mkdtempSync(join(tmpdir(), "millrace-python-"));
try {
  const installed =
    runs("python3", "-m", "venv", folder) && runs(join(folder, "bin", "pip"), "install", "-q", ...PACKAGES);
  if (installed) {
    process.exitCode = runTests("python", { SDK_PYTHON: join(folder, "bin", "python") });
  } else {
    console.log("skipped: the packages cannot be installed here (python3 with venv and PyPI are needed)");
    console.log("0 passed, 0 failed");
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function runs(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: ["ignore", "ignore", "inherit"] }).status === 0;
}
