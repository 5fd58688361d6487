import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Child, startChild } from "../../../stacks/local/child.ts";
import { forgetDatabase } from "../../../stacks/local/engines/database/home.ts";
import { type EngineOptions, type EngineReady, engineFile } from "../../../stacks/local/engines/list.ts";
import { openPostgres } from "./client.ts";

let dataDir: string;
let child: Child<EngineReady>;

const start = (port: number) =>
  startChild<EngineOptions, EngineReady>(engineFile("database"), { dataDir: join(dataDir, "database"), port });

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "millrace-outage-"));
  child = await start(0);
});

afterEach(async () => {
  await child.stop();
  await forgetDatabase(join(dataDir, "database"));
  await rm(dataDir, { recursive: true });
});

test("statements during an outage are unavailable at once, and work again when the database is back", async () => {
  const store = openPostgres(child.ready.url);
  await Promise.all([store.ping(), store.ping(), store.ping()]);
  process.kill(child.pid, "SIGKILL");
  await child.exited;
  await expect.poll(() => store.ping().catch((error) => error.code), { timeout: 10_000 }).toBe("unavailable");

  const asked = performance.now();
  for (let i = 0; i < 20; i++) await expect(store.ping()).rejects.toMatchObject({ code: "unavailable" });
  const perStatementMs = (performance.now() - asked) / 20;
  expect(perStatementMs).toBeLessThan(2_000); // the driver's own pause between attempts grows to 20 s

  child = await start(child.ready.port);
  await expect
    .poll(
      () =>
        store.ping().then(
          () => "back",
          () => "away",
        ),
      { timeout: 10_000 },
    )
    .toBe("back");
  await store.close();
});
