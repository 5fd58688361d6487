import { execFileSync } from "node:child_process";
import { readFile, readlink, realpath, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * Stops a Postgres that an earlier life left on these data: fast shutdown, after 3 s immediate shutdown. A lock file
 * whose process is not a Postgres of these very data (a pid used again) is removed, and that process left alone.
 */
export async function stopStaleServer(data: string): Promise<void> {
  const lock = join(data, "postmaster.pid");
  const pid = Number.parseInt(await readFile(lock, "utf8").catch(() => ""), 10);
  if (!(pid > 1)) return rm(lock, { force: true });
  if (!(await isServerOf(pid, data))) return rm(lock, { force: true });
  for (const signal of ["SIGINT", "SIGQUIT"] as const) {
    process.kill(pid, signal);
    for (let waitedMs = 0; waitedMs < 3_000; waitedMs += 50) {
      if (!(await isServerOf(pid, data))) return;
      await sleep(50);
    }
  }
  throw new Error(`an old Postgres (process ${pid}) holds ${data} and does not end; kill it and start again`);
}

/** A postmaster's working directory is its data directory; where there is no /proc its command line names it. */
async function isServerOf(pid: number, data: string): Promise<boolean> {
  try {
    if (process.platform === "linux") return (await readlink(`/proc/${pid}/cwd`)) === (await realpath(data));
    return execFileSync("ps", ["-p", String(pid), "-o", "command="], { encoding: "utf8" }).includes(` -D ${data} `);
  } catch {
    return false;
  }
}
