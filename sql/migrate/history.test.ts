import { expect, test } from "vitest";
import { historyOf, nextDown, nextUp } from "./history.ts";
import type { LedgerRow, Migration } from "./migration.ts";

const file = (version: number): Migration => {
  const name = `step${version}`;
  return { version, name, path: `sql/postgres/000${version}_${name}`, up: "", down: "", checksum: `sum${version}` };
};
const row = (version: number, over: Partial<LedgerRow> = {}): LedgerRow => ({
  version,
  name: `step${version}`,
  checksum: `sum${version}`,
  appliedAt: new Date("2026-03-04T05:06:07Z"),
  state: "applied",
  statement: 1,
  ...over,
});
const FILES = [file(1), file(2), file(3)];

test.each<[what: string, ledger: LedgerRow[], up: number | undefined, down: number | undefined]>([
  ["nothing applied", [], 1, undefined],
  ["one applied", [row(1)], 2, 1],
  ["all applied", [row(1), row(2), row(3)], undefined, 3],
])("with %s, the next up is the first pending and the next down the newest", (_, ledger, up, down) => {
  expect(nextUp("postgres", FILES, ledger)?.version).toBe(up);
  expect(nextDown("postgres", FILES, ledger)?.version).toBe(down);
});

test.each<[what: string, ledger: LedgerRow[], states: string[], sentence: string]>([
  [
    "changed history",
    [row(1, { checksum: "other" })],
    ["changed", "pending", "pending"],
    "sql/postgres/0001_step1.up.sql: it read otherwise when it was applied on 2026-03-04T05:06:07.000Z; put that back, and make the change a new migration",
  ],
  [
    "a renamed file",
    [row(1, { name: "old" })],
    ["changed", "pending", "pending"],
    "sql/postgres/0001_step1.up.sql: its name was old when",
  ],
  [
    "a lost file",
    [row(1), row(2), row(3), row(4)],
    ["applied", "applied", "applied", "file missing"],
    "sql/postgres/0004_step4.up.sql: the file is missing, but the database has it applied; bring it back",
  ],
  [
    "one that was passed over",
    [row(1), row(3)],
    ["applied", "pending", "applied"],
    "sql/postgres/0002_step2.up.sql: it is not applied, but a later one is; give it the next free number",
  ],
])("%s stops up and down with a sentence that names the file", (_, ledger, states, sentence) => {
  expect(historyOf("postgres", FILES, ledger).map(({ state }) => state)).toEqual(states);
  expect(() => nextUp("postgres", FILES, ledger)).toThrow(sentence);
  expect(() => nextDown("postgres", FILES, ledger)).toThrow(sentence);
});

test.each<[state: LedgerRow["state"], sentence: string]>([
  ["started", "sql/postgres/0002_step2.up.sql: half applied, stopped at statement 3"],
  ["reverting", "sql/postgres/0002_step2.down.sql: half reverted, stopped at statement 3"],
])("what is left %s stops up and names file, statement and way out; down is that way", (state, sentence) => {
  const ledger = [row(1), row(2, { state, statement: 3 })];
  expect(() => nextUp("postgres", FILES, ledger)).toThrow(sentence);
  expect(() => nextUp("postgres", FILES, ledger)).toThrow("npm run migrate -- down --only postgres");
  expect(nextDown("postgres", FILES, ledger)?.version).toBe(2);
});

test("down does not touch the newest when an older one is in doubt", () => {
  expect(() => nextDown("postgres", FILES, [row(1, { checksum: "other" }), row(2)])).toThrow("0001_step1.up.sql");
});
