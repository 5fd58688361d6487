import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { runTests } from "../run-tests.ts";

/**
 * `npm run test:browsers`: the SDKs of web pages, unmodified, in headless Chromium: `CHROMIUM`, or the first on the PATH.
 * Where there is none the suite is skipped, and says so.
 */
const NAMES = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

const chromium = process.env.CHROMIUM ?? onPath(NAMES);
if (chromium === undefined || spawnSync(chromium, ["--version"]).status !== 0) {
  console.log("skipped: there is no Chromium here; install it (apt-get install chromium), or name one with CHROMIUM.");
  console.log("What these clients once sent is sent again by npm test (functions/testing/sdks/requests.test.ts).");
  console.log("0 passed, 0 failed");
} else {
  process.exitCode = runTests("browsers", { CHROMIUM: chromium });
}

function onPath(names: readonly string[]): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
