import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { forgetDatabase } from "../../stacks/local/engines/database/home.ts";

/** A data directory of a test's own. Others may pass through it, as Postgres must where the tests run as root. */
export async function newDataDir(): Promise<string> {
  const dataDir = await mkdtemp(join(tmpdir(), "millrace-test-"));
  await chmod(dataDir, 0o755);
  return dataDir;
}

/** Deletes it, and what the database keeps elsewhere. */
export async function forgetDataDir(dataDir: string): Promise<void> {
  await forgetDatabase(join(dataDir, "database"));
  await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
}
