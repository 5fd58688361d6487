import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { folderOf, newMigration, readMigrations } from "./files.ts";
import { ENGINE_KINDS } from "./migration.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-migrations-"));
});
afterEach(() => rm(folder, { recursive: true }));

const given = (names: string[]) => Promise.all(names.map((name) => writeFile(join(folder, name), `-- ${name}\n`)));

test("pairs are read in order, whatever else lies there", async () => {
  await given(["0002_b.up.sql", "0002_b.down.sql", "0001_a.down.sql", "0001_a.up.sql", "README.md"]);
  const migrations = await readMigrations(folder);
  expect(migrations.map(({ version, name, up, down }) => [version, name, up, down])).toEqual([
    [1, "a", "-- 0001_a.up.sql\n", "-- 0001_a.down.sql\n"],
    [2, "b", "-- 0002_b.up.sql\n", "-- 0002_b.down.sql\n"],
  ]);
});

test.each<[what: string, names: string[], sentence: string]>([
  ["a missing down file", ["0001_a.up.sql"], "0001_a.down.sql: the file is missing, but 0001_a.up.sql is there"],
  ["a missing up file", ["0001_a.down.sql"], "0001_a.up.sql: the file is missing, but 0001_a.down.sql is there"],
  [
    "a gap",
    ["0001_a.up.sql", "0001_a.down.sql", "0003_c.up.sql", "0003_c.down.sql"],
    "0003_c.up.sql: number 0002 is missing before it",
  ],
  ["a start above 1", ["0002_b.up.sql", "0002_b.down.sql"], "0002_b.up.sql: number 0001 is missing before it"],
  ["a number 0", ["0000_a.up.sql", "0000_a.down.sql"], "0000_a.up.sql: number 0000 is taken"],
  [
    "a number twice",
    ["0001_a.up.sql", "0001_a.down.sql", "0001_b.up.sql", "0001_b.down.sql"],
    "0001_b.up.sql: number 0001 is taken",
  ],
  ["another form of name", ["001_a.up.sql"], "001_a.up.sql: a migration is called 0001_<name>.up.sql"],
])("%s is an error that names the file", async (_, names, sentence) => {
  await given(names);
  await expect(readMigrations(folder)).rejects.toThrow(sentence);
});

test("the checksum is of the up file alone, and the same for both kinds of line ends", async () => {
  const checksum = async (up: string, down: string) => {
    await writeFile(join(folder, "0001_a.up.sql"), up);
    await writeFile(join(folder, "0001_a.down.sql"), down);
    return (await readMigrations(folder))[0]?.checksum;
  };
  const first = await checksum("select 1;\n", "select 2;\n");
  expect(await checksum("select 1;\r\n", "select 3;\n")).toBe(first);
  expect(await checksum("select 1 ;\n", "select 2;\n")).not.toBe(first);
});

describe("a new migration", () => {
  test("is the pair with the next number", async () => {
    await given(["0001_a.up.sql", "0001_a.down.sql"]);
    await newMigration(folder, "add_saved_queries");
    expect((await readMigrations(folder)).map(({ version, name }) => [version, name])).toEqual([
      [1, "a"],
      [2, "add_saved_queries"],
    ]);
    expect(await readFile(join(folder, "0002_add_saved_queries.down.sql"), "utf8")).toContain(
      "Undoes 0002_add_saved_queries.up.sql",
    );
  });

  test.each(["", "Add", "add-x", "../x", "1a", "a b"])("is not called '%s'", async (name) => {
    await expect(newMigration(folder, name)).rejects.toThrow("is no name for a migration");
  });

  test("is refused while a file is wrong", async () => {
    await given(["0001_a.up.sql"]);
    await expect(newMigration(folder, "b")).rejects.toThrow("0001_a.down.sql: the file is missing");
  });
});

test.each(ENGINE_KINDS)("the files of sql/%s are whole", async (kind) => {
  expect((await readMigrations(folderOf(kind))).length).toBeGreaterThan(0);
});

test("a folder that is not there is an error, not an empty history", async () => {
  await mkdir(join(folder, "empty"));
  expect(await readMigrations(join(folder, "empty"))).toEqual([]);
  await expect(readMigrations(join(folder, "absent"))).rejects.toThrow("ENOENT");
});
