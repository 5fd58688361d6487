// Runs first, on whatever Node is there: installs what is missing, then runs the given file on the Node 24 that npm
// brought. Plain JavaScript without imports of packages, so that it also runs where nothing is installed yet.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const NODE_MIN = [20, 19];

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < NODE_MIN[0] || (major === NODE_MIN[0] && minor < NODE_MIN[1])) {
  console.error(
    `millrace  needs Node ${NODE_MIN.join(".")} or newer to begin with, and this is ${process.versions.node} (${process.execPath}).`,
  );
  console.error("          Install a newer one, for example from https://nodejs.org; everything else comes with npm.");
  process.exit(1);
}

const windows = process.platform === "win32";
const node24 = join(root, "node_modules", ".bin", windows ? "node.cmd" : "node");
const stamp = join(root, "node_modules", ".installed-for");

/** Changes whenever an install would: the lock file is the whole truth of what belongs into node_modules. */
const wanted = createHash("sha256")
  .update(readFileSync(join(root, "package-lock.json")))
  .digest("hex");
const installed = existsSync(node24) && existsSync(stamp) && readFileSync(stamp, "utf8") === wanted;

if (!installed) {
  console.error("millrace  installing dependencies (about 1 GB, once) …");
  const install = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    // Standard output belongs to the command that follows.
    stdio: ["ignore", 2, 2],
    shell: windows,
  });
  if (install.status !== 0) {
    console.error(
      "millrace  npm could not install the dependencies; its own message is above. Without a network they must be there already.",
    );
    process.exit(1);
  }
  if (!existsSync(node24)) {
    console.error(
      `millrace  npm has no Node 24 for ${process.platform}-${process.arch}. Linux (x64, arm64, glibc) and macOS are supported.`,
    );
    process.exit(1);
  }
  writeFileSync(stamp, wanted);
}

// The channel tells the child when this process is gone, however it went, so that nothing is left behind.
const lean = new URL("lean-modules.mjs", import.meta.url).href;
const child = spawn(node24, ["--import", lean, ...process.argv.slice(2)], {
  stdio: ["inherit", "inherit", "inherit", "ipc"],
  // What Node made of our files is kept, so that the next start is faster; where it may not write it does without.
  env: { NODE_COMPILE_CACHE: join(root, "node_modules/.cache/millrace/compiled"), ...process.env },
  shell: windows,
});
// Ctrl-C reaches the child by itself, as it reaches everything in the terminal's group.
process.on("SIGINT", () => {});
for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code, signal) => {
  if (signal) {
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  } else process.exit(code ?? 1);
});
