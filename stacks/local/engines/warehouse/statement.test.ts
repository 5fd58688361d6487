import { describe, expect, test } from "vitest";
import { statementIn } from "./statement.ts";

const read = (text: string, whole = true) => statementIn(Buffer.from(text), whole);

describe("an INSERT with rows", () => {
  test.each([
    ["INSERT INTO db.t (a, b) SETTINGS x=1 FORMAT Native\n", "INSERT INTO db.t (a, b) ", "SETTINGS x=1 ", "Native"],
    ["insert into t format JSONEachRow\r\n", "insert into t ", "", "JSONEachRow"],
    ["INSERT INTO `values` (`format`) VALUES", "INSERT INTO `values` (`format`) ", "", "Values"],
    ["INSERT INTO db.values FORMAT CSV ", "INSERT INTO db.values ", "", "CSV"],
    [
      "INSERT INTO TABLE FUNCTION file('x', 'CSV') (a) FORMAT TSV\n",
      "INSERT INTO TABLE FUNCTION file('x', 'CSV') (a) ",
      "",
      "TSV",
    ],
    ["/* FORMAT x */ INSERT -- VALUES\nINTO t FORMAT TSV;\n", "/* FORMAT x */ INSERT -- VALUES\nINTO t ", "", "TSV"],
    ["INSERT INTO `ünï` FORMAT TSV\n", "INSERT INTO `ünï` ", "", "TSV"],
  ])("%j is split where its rows begin", (head, into, settings, format) => {
    const dataAt = Buffer.byteLength(head);
    expect(read(`${head}(1\t'2;`)).toEqual({ kind: "load", into, settings, format, dataAt });
  });

  test("the break behind FORMAT is no row, the next one is", () => {
    expect(read("INSERT INTO t FORMAT TSV \t\r\n\nx")).toMatchObject({ dataAt: 28 });
    expect(read("INSERT INTO t FORMAT TSV\n")).toMatchObject({ dataAt: 25 });
  });

  test("binary rows are never read as SQL", () => {
    const rows = Buffer.from([0x27, 0x60, 0x2f, 0x2a, 0x3b, 0xff, 0x00]);
    const statement = statementIn(Buffer.concat([Buffer.from("INSERT INTO t FORMAT RowBinary\n"), rows]), true);
    expect(statement).toMatchObject({ kind: "load", dataAt: 31 });
  });

  test("every beginning of it asks for more", () => {
    const text = "INSERT INTO t (a) SETTINGS x = 1 FORMAT Native\n";
    for (let size = 0; size < text.length; size += 1)
      expect(read(text.slice(0, size), false), text.slice(0, size)).toBeUndefined();
    expect(read(`${text}\0`, false)).toMatchObject({ kind: "load", dataAt: text.length });
  });
});

describe("a statement that answers rows", () => {
  test.each([
    ["SELECT 1", "SELECT 1", "", undefined],
    ["SELECT 1 FORMAT JSON", "SELECT 1 ", "FORMAT JSON", "JSON"],
    ["SELECT 1 format JSON settings a = 1;", "SELECT 1 ", "format JSON settings a = 1", "JSON"],
    ["SELECT 1 SETTINGS a = 1 FORMAT CSV", "SELECT 1 SETTINGS a = 1 ", "FORMAT CSV", "CSV"],
    ["SELECT format FROM t", "SELECT format FROM t", "", undefined],
    ["SELECT a, format b", "SELECT a, format b", "", undefined],
    ["SELECT ' FORMAT x'", "SELECT ' FORMAT x'", "", undefined],
    ["(SELECT 1 FORMAT x)", "(SELECT 1 FORMAT x)", "", undefined],
    ["SELECT 1 -- FORMAT x", "SELECT 1 -- FORMAT x", "", undefined],
    ["WITH 'INSERT INTO' AS x SELECT x", "WITH 'INSERT INTO' AS x SELECT x", "", undefined],
  ])("%j", (text, before, after, format) => {
    expect(read(text)).toEqual({ kind: "rows", before, after, format });
  });

  test("its list of queries is read through the callers' ids, wherever it stands in the text", () => {
    for (const table of ["system.processes", "`no` JOIN SYSTEM . Processes AS p"]) {
      expect(read(`SELECT (SELECT count() FROM ${table}) AS c`)).toMatchObject({
        before: expect.stringContaining("engine_query_id"),
      });
    }
    expect(read("SELECT 'FROM system.processes'")).toMatchObject({ before: "SELECT 'FROM system.processes'" });
  });
});

describe("the others", () => {
  test.each([
    ["CREATE TABLE t (a Int8) ENGINE = Memory", "command"],
    ["EXPLAIN AST SELECT 1 FORMAT TSV", "command"],
    ["INSERT INTO t SELECT 1", "insert"],
    ["INSERT INTO t (a) WITH 1 AS x SELECT x", "insert"],
    ["WITH 1 AS x INSERT INTO t SELECT x", "insert"],
    ["KILL MUTATION WHERE 1", "command"],
    ["SELECT 'open", "command"],
    ["SELECT /* open", "command"],
  ])("%j is a %s", (text, kind) => {
    expect(read(text)).toMatchObject({ kind });
  });

  test.each([
    ["KILL QUERY WHERE query_id = 'SYNC' SYNC", "query_id = 'SYNC'", "SYNC", undefined],
    ["kill query where (1) format JSON;", "(1)", "ASYNC", "JSON"],
    ["KILL QUERY ON CLUSTER c WHERE user = 'x' TEST FORMAT TSV", "user = 'x'", "TEST", "TSV"],
  ])("%j is taken apart", (text, where, mode, format) => {
    expect(read(text)).toEqual({ kind: "kill", where, mode, format });
  });

  test.each([
    ["SELECT 1; SELECT 2", 62],
    ["SELECT ';' ; DROP TABLE t", 62],
    ["INSERT INTO t SELECT 1; DROP TABLE t", 62],
    ["", 62],
    [" -- nothing\n /* at all */ ", 62],
    ["'", 62],
    ["SELECT 1 INTO OUTFILE 'x'", 161],
    ["EXPLAIN SELECT 1 into outfile 'x'", 161],
    ["INSERT INTO t FROM INFILE 'x' FORMAT CSV", 48],
  ])("%j is refused with code %i", (text, code) => {
    expect(() => read(text)).toThrow(expect.objectContaining({ code }));
  });

  test("semicolons and comments at the end are no second statement", () => {
    expect(read("SELECT 1 ;; -- done")).toMatchObject({ kind: "rows", before: "SELECT 1 " });
  });
});
