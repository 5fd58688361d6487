import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * `npm run test:python`: the SDKs of Python, unmodified, against the running system. They are installed into an
 * environment under the temporary folder; where PyPI cannot be reached the suite is skipped, and says so.
 */
const PACKAGES = ["segment-analytics-python==2.3.4", "rudder-sdk-python==2.1.4", "posthog==7.53.0"];
const TEST = fileURLToPath(new URL("test.ts", import.meta.url));

const folder = mkdtempSync(join(tmpdir(), "millrace-python-"));
try {
  const installed =
    runs("python3", "-m", "venv", folder) && runs(join(folder, "bin", "pip"), "install", "-q", ...PACKAGES);
  if (installed) {
    const env = { ...process.env, SDK_PYTHON: join(folder, "bin", "python") };
    process.exitCode =
      spawnSync(process.execPath, [TEST, "--project", "python"], { env, stdio: "inherit" }).status ?? 1;
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
