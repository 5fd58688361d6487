import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createClient } from "@clickhouse/client";
import { afterAll, beforeAll, describe, expect, inject, test, vi } from "vitest";
import { type FreshPostgres, freshPostgres } from "../functions/testing/fresh-postgres.ts";

vi.setConfig({ testTimeout: 300_000 });

const COMMAND = fileURLToPath(new URL("migrate.ts", import.meta.url));
const CLICKHOUSE_DATABASE = `test_${randomBytes(6).toString("hex")}`;

let fresh: FreshPostgres;
let folder: string;

beforeAll(async () => {
  fresh = await freshPostgres(inject("engines").database.url, "empty");
  folder = await mkdtemp(join(tmpdir(), "millrace-migrate-"));
});

afterAll(async () => {
  await fresh.drop();
  await rm(folder, { recursive: true });
  const server = createClient({ url: inject("engines").warehouse.url });
  await server.command({ query: `DROP DATABASE IF EXISTS ${CLICKHOUSE_DATABASE} SYNC` });
  await server.close();
});

type Ended = { code: number; out: string; err: string };

/** Runs the command with these variables and none of the caller's databases. */
const migrate = (args: string[], variables: Record<string, string> = {}): Promise<Ended> =>
  new Promise((resolve) => {
    const env = { PATH: process.env.PATH, MILLRACE_DATA: folder, ...variables };
    execFile(process.execPath, [COMMAND, ...args], { env }, (error, out, err) =>
      resolve({ code: error ? Number(error.code) : 0, out, err }),
    );
  });

const engines = () => ({
  POSTGRES_URL: fresh.url,
  CLICKHOUSE_URL: inject("engines").warehouse.url,
  CLICKHOUSE_DATABASE,
});

describe("npm run migrate", () => {
  test("shows its help on stdout, with two examples", async () => {
    const { code, out, err } = await migrate(["--help"]);
    expect([code, err]).toEqual([0, ""]);
    expect(out.match(/npm run migrate -- \w+ .*/g)?.length).toBeGreaterThanOrEqual(2);
  });

  test.each<[args: string[], sentence: string]>([
    [[], "which command?"],
    [["sideways"], "there is no command sideways"],
    [["up", "now"], "up takes no now"],
    [["up", "--only", "mysql"], "--only is postgres or clickhouse, not mysql"],
    [["up", "--fast"], "Unknown option '--fast'"],
    [["new"], "new takes one name"],
    [["new", "add_x"], "new wants --only postgres or --only clickhouse"],
  ])("%j is wrong use: 2", async (args, sentence) => {
    const { code, out, err } = await migrate(args);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toContain(sentence);
  });

  test("without an address it says which variable to set", async () => {
    const { code, err } = await migrate(["status", "--only", "postgres"]);
    expect(code).toBe(1);
    expect(err).toContain(
      `set POSTGRES_URL, or run npm start in another terminal: there is no ${join(folder, "run.json")}`,
    );
  });

  test("applies, shows, verifies and reverts both engines; the result is on stdout, progress on stderr", async () => {
    const pending = await migrate(["status", "--json"], engines());
    const { postgres, clickhouse } = JSON.parse(pending.out) as Record<string, { version: number; state: string }[]>;
    for (const entries of [postgres, clickhouse]) {
      expect(entries?.[0]).toMatchObject({ version: 1 });
      expect(entries?.every(({ state }) => state === "pending")).toBe(true);
    }

    const dry = await migrate(["up", "--dry-run", "--json"], engines());
    expect(JSON.parse(dry.out).postgres).toContain("sql/postgres/0001_workspaces_and_sources.up.sql");
    expect((await migrate(["status", "--json"], engines())).out).toBe(pending.out);

    const up = await migrate(["up"], engines());
    expect([up.code, up.out]).toEqual([0, expect.stringContaining("applied sql/clickhouse/0001_events.up.sql\n")]);
    expect(up.err).toContain("applied sql/postgres/0001_workspaces_and_sources.up.sql to postgres at 127.0.0.1:");
    expect(up.out + up.err).not.toContain("millrace:millrace@");

    const verified = await migrate(["verify", "--json"], engines());
    expect([verified.code, JSON.parse(verified.out)]).toEqual([0, { postgres: [], clickhouse: [] }]);

    const unasked = await migrate(["down", "--only", "postgres"], engines());
    expect([unasked.code, unasked.out]).toEqual([1, expect.stringContaining("nothing was run; --yes")]);
    const down = await migrate(["down", "--only", "postgres", "--yes"], engines());
    expect([down.code, down.out]).toEqual([0, expect.stringMatching(/^reverted sql\/postgres\/.*\.down\.sql\n$/)]);
    const different = await migrate(["verify", "--only", "postgres"], engines());
    expect([different.code, different.out]).toEqual([1, expect.stringContaining(".up.sql is not applied")]);
  });

  test("finds the databases of the local system that runs, by its run.json", async () => {
    await writeFile(join(folder, "run.json"), JSON.stringify({ postgresUrl: fresh.url }));
    const { code, out } = await migrate(["status", "--only", "postgres"]);
    await rm(join(folder, "run.json"));
    expect([code, out]).toEqual([0, expect.stringContaining(`postgres at ${new URL(fresh.url).host}`)]);
  });
});
