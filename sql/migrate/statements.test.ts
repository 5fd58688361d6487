import { expect, test } from "vitest";
import { statementsOf } from "./statements.ts";

test.each<[what: string, text: string, statements: string[]]>([
  ["two statements", "create table a (x Int8);\ndrop table b", ["create table a (x Int8)", "drop table b"]],
  ["a last semicolon, blank lines and comments alone are no statements", "select 1;\n\n-- end;\n;", ["select 1"]],
  ["nothing", "-- only a remark", []],
  [
    "a semicolon in a string",
    "insert into t values (';', 'it''s; \\'; \\\\'); select 2",
    ["insert into t values (';', 'it''s; \\'; \\\\')", "select 2"],
  ],
  ["a semicolon in quoted names", 'select `a;``b`, "c;\\"d"; select 2', ['select `a;``b`, "c;\\"d"', "select 2"]],
  [
    "a semicolon in comments of every kind",
    "select 1 -- a;\n+ 1 # b;\n+ 1 #! c;\n+ 1 // d;\n/* e; */ + 1; select 2",
    ["select 1  \n+ 1  \n+ 1  \n+ 1  \n  + 1", "select 2"],
  ],
  ["nested comments", "select /* a /* b; */ c; */ 1; select 2", ["select   1", "select 2"]],
  [
    "a semicolon in a heredoc",
    "select $doc$ ; $$ ' $doc$, $$;$$; select 2",
    ["select $doc$ ; $$ ' $doc$, $$;$$", "select 2"],
  ],
  ["a comment mark in a string", "select '--', '/*', '#!'; select 2", ["select '--', '/*', '#!'", "select 2"]],
  [
    "minus, division and dollars that open nothing",
    "select 4 - 2 / 1, '$', a#b, $1; select 2",
    ["select 4 - 2 / 1, '$', a#b, $1", "select 2"],
  ],
])("%s", (_, text, statements) => {
  expect(statementsOf(text)).toEqual(statements);
});

test.each([
  ["'", "select 1;\nselect 'a;"],
  ["`", "\nselect `a"],
  ["/*", "\n/* /* */ select 1"],
  ["$x$", "\nselect $x$ a $$"],
])("an unclosed %s is an error that names its line", (mark, text) => {
  expect(() => statementsOf(text)).toThrow(`line 2: ${mark} is opened and never closed`);
});
