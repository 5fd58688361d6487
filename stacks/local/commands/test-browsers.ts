import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

/** `npm run test:browsers`: the SDKs of web pages, unmodified, in headless Chromium: `CHROMIUM`, or the first on the PATH. */
const NAMES = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];
const TEST = fileURLToPath(new URL("test.ts", import.meta.url));

const chromium = process.env.CHROMIUM ?? onPath(NAMES);
if (chromium === undefined) {
  console.error("There is no Chromium: install it (apt-get install chromium), or name one with CHROMIUM.");
  process.exit(1);
}
const env = { ...process.env, CHROMIUM: chromium };
process.exitCode = spawnSync(process.execPath, [TEST, "--project", "browsers"], { env, stdio: "inherit" }).status ?? 1;

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
