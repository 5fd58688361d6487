import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/**
 * At most one running system for a data directory. The lock is an open transaction of a SQLite file, so the operating
 * system gives it back when the holder dies, also by SIGKILL. Throws a sentence that names the holder.
 */
export function lockInstance(dataDir: string): { release: () => void } {
  // 0711: where root runs all this, Postgres runs as somebody else and must get through to its own folder.
  mkdirSync(dataDir, { recursive: true, mode: 0o711 });
  const holderFile = join(dataDir, "instance.pid");
  const lock = new DatabaseSync(join(dataDir, "instance.lock"));
  try {
    lock.exec("PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE");
  } catch {
    lock.close();
    throw new Error(
      `another instance (process ${readFileSync(holderFile, "utf8")}) already runs on ${dataDir}. ` +
        "Stop it, or give this one its own folder with MILLRACE_DATA and its own ports with PORT_*.",
    );
  }
  writeFileSync(holderFile, String(process.pid));
  return { release: () => lock.close() };
}
