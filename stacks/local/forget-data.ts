import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { forgetDatabase } from "./engines/database/home.ts";
import { lockInstance } from "./instance-lock.ts";

/** Deletes everything that a local system keeps in its data directory. Throws while an instance runs on it. */
export async function forgetData(dataDir: string): Promise<void> {
  if (!existsSync(dataDir)) return;
  const lock = lockInstance(dataDir);
  try {
    await forgetDatabase(join(dataDir, "database"));
    for (const name of ["stream", "queues", "warehouse", "cache", "workers", "logs", "run.json"])
      await rm(join(dataDir, name), { recursive: true, force: true });
  } finally {
    lock.release();
  }
}
