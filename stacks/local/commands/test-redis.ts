import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { messageOf } from "../../../functions/kit/errors.ts";
import { runTests } from "../run-tests.ts";

/**
 * `npm run test:redis`: the suites that need a real Redis, against `REDIS_URL`, or else against a `redis-server` of this
 * machine that is started for them on a free port and ended after them.
 */
const runOn = (REDIS_URL: string) => runTests("redis", { REDIS_URL });

if (process.env.REDIS_URL) process.exit(runOn(process.env.REDIS_URL));

const port = await freePort();
const folder = mkdtempSync(join(tmpdir(), "millrace-redis-"));
const redis = spawn("redis-server", ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder], {
  stdio: "ignore",
});
try {
  await started();
  process.exitCode = runOn(`redis://127.0.0.1:${port}`);
} catch (error) {
  console.error(`${messageOf(error)}: install redis-server, or name a running Redis with REDIS_URL.`);
  process.exitCode = 1;
} finally {
  redis.kill();
  rmSync(folder, { recursive: true, force: true });
}

async function started(): Promise<void> {
  const failed = new Promise<never>((_, reject) => redis.once("error", reject));
  await Promise.race([failed, wait(1_000)]);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}
