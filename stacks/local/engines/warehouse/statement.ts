import { EngineError } from "./engine-error.ts";
import { PROCESSES } from "./processes.ts";
import { type Token, tokensOf } from "./tokens.ts";

/**
 * What a request asks for, as far as the door must know it.
 * `load`: an INSERT whose rows follow the statement, from byte `dataAt` of the request.
 * `rows`: an answer in a format, which goes to a pipe: `INTO OUTFILE` fits between `before` and `after`.
 */
export type Statement =
  | { kind: "load"; into: string; settings: string; format: string; dataAt: number }
  | { kind: "insert"; sql: string }
  | { kind: "rows"; before: string; after: string; format: string | undefined }
  | { kind: "kill"; where: string; mode: "SYNC" | "ASYNC" | "TEST"; format: string | undefined }
  | { kind: "command"; sql: string; format: string | undefined };

/**
 * Statements whose answer may be large. Others that answer (SHOW, DESCRIBE, EXPLAIN …) are small, and an INTO OUTFILE
 * behind EXPLAIN would belong to what is explained.
 */
const ANSWERS_ROWS = new Set(["SELECT", "WITH", "FROM"]);

/**
 * Reads the statement in `bytes`, the beginning of a request, or all of it when `whole`. Undefined: more is needed.
 * Throws what a ClickHouse server says to a second statement, to INTO OUTFILE and to FROM INFILE.
 */
export function statementIn(bytes: Buffer, whole: boolean): Statement | undefined {
  const text = bytes.toString("latin1");
  const first = tokensOf(text).next().value;
  if (first === undefined) {
    if (!whole) return undefined;
    throw new EngineError(62, "SYNTAX_ERROR", "Syntax error: failed at position 1 (end of query): the query is empty.");
  }
  const keyword = wordOf(text, first);
  // chdb takes some of these for an empty query, and answers nothing.
  if (first.kind !== "word" && text[first.start] !== "(")
    throw new EngineError(
      62,
      "SYNTAX_ERROR",
      `Syntax error: failed at position ${first.start + 1}: no statement begins so.`,
    );
  if (keyword === "INSERT") return insertIn(text, whole);
  if (!whole) return undefined;
  const tokens = onlyStatement(text);
  if (keyword === "KILL") return killIn(text, tokens);
  if (keyword === "WITH" && indexOfWords(text, tokens, "INSERT", "INTO") > 0)
    return { kind: "insert", sql: utf8(text) };
  if (ANSWERS_ROWS.has(keyword) || text[first.start] === "(") return rowsIn(text, tokens);
  return commandIn(text, tokens);
}

function insertIn(text: string, whole: boolean): Statement | undefined {
  const tokens: Token[] = [];
  let settingsAt: number | undefined;
  for (const token of tokensOf(text)) {
    tokens.push(token);
    // The name itself, at 1 to 3 behind INSERT [INTO] [TABLE], may be any word.
    if (token.depth > 0 || token.kind === "quoted" || tokens.length <= 2) continue;
    const word = wordOf(text, token);
    if (token.end === text.length && !whole) return undefined;
    const before = wordOf(text, tokens.at(-2));
    if (before === "FORMAT") {
      const keywordAt = tokens.at(-2)?.start ?? 0;
      return load(text, keywordAt, settingsAt, text.slice(token.start, token.end), afterFormat(text, token.end), whole);
    }
    if (before === "INTO" || before === "TABLE" || before === "FUNCTION" || before === ".") continue;
    if (word === "VALUES") return load(text, token.start, settingsAt, "Values", token.end, whole);
    if (word === "SETTINGS") settingsAt ??= token.start;
    if (word === "INFILE")
      throw new EngineError(48, "NOT_IMPLEMENTED", "FROM INFILE is not allowed: send the rows with the request.");
    if (word === "SELECT" || word === "WITH") break;
  }
  if (!whole) return undefined;
  onlyStatement(text);
  return { kind: "insert", sql: utf8(text) };
}

function load(
  text: string,
  end: number,
  settingsAt: number | undefined,
  format: string,
  dataAt: number,
  whole: boolean,
) {
  // The line break behind FORMAT belongs to the statement, so the byte after it must be known.
  if (dataAt >= text.length && !whole) return undefined;
  const into = utf8(text.slice(0, settingsAt ?? end));
  return { kind: "load" as const, into, settings: settingsAt ? utf8(text.slice(settingsAt, end)) : "", format, dataAt };
}

/** Rows begin behind the blanks and one line break that may follow the format's name. */
function afterFormat(text: string, from: number): number {
  const gap = /[ \t\f]*(?:;[ \t\f]*)?\r?\n?/y;
  gap.lastIndex = from;
  return gap.test(text) ? gap.lastIndex : from;
}

function rowsIn(text: string, tokens: Token[]): Statement {
  if (tokens.at(-1)?.kind === "broken") return commandIn(text, tokens); // the engine says what is wrong
  const end = endOf(text, tokens);
  const format = formatClause(text, tokens);
  const at = format?.start ?? end;
  const before = utf8(withOwnIds(text.slice(0, at), tokens));
  return { kind: "rows", before, after: utf8(text.slice(at, end)), format: format?.name };
}

const commandIn = (text: string, tokens: Token[]): Statement => ({
  kind: "command",
  sql: utf8(text),
  format: formatClause(text, tokens)?.name,
});

/** `FROM system.processes` shows the ids that callers gave, as a server's does. */
function withOwnIds(text: string, tokens: Token[]): string {
  let [read, from] = ["", 0];
  for (const [at, token] of tokens.entries()) {
    const words = tokens.slice(at - 1, at + 3).map((word) => wordOf(text, word));
    const last = tokens[at + 2];
    if (!last || !/^(?:FROM|JOIN) SYSTEM \. PROCESSES$/.test(words.join(" "))) continue;
    read += text.slice(from, token.start) + PROCESSES;
    from = last.end;
  }
  return read + text.slice(from);
}

/** `FORMAT name` at the end, or with only `SETTINGS …` behind it. */
function formatClause(text: string, tokens: Token[]): { start: number; name: string } | undefined {
  const flat = tokens.filter((token) => token.depth === 0 && text[token.start] !== ";");
  const settings = flat.findLastIndex((token) => wordOf(text, token) === "SETTINGS");
  for (const last of [flat.length - 1, settings - 1]) {
    const [name, keyword, before] = [flat[last], flat[last - 1], flat[last - 2]];
    if (!name || !keyword || !before || name.kind !== "word" || wordOf(text, keyword) !== "FORMAT") continue;
    if (["SELECT", "AS", ",", "."].includes(wordOf(text, before))) continue; // a column of that name
    return { start: keyword.start, name: text.slice(name.start, name.end) };
  }
  return undefined;
}

/** KILL QUERY … WHERE …: our own ids are known here, not to the engine. Other kinds of KILL are commands. */
function killIn(text: string, tokens: Token[]): Statement {
  const where = tokens.findIndex((token) => wordOf(text, token) === "WHERE");
  if (wordOf(text, tokens[1]) !== "QUERY" || where < 0) return commandIn(text, tokens);
  const format = formatClause(text, tokens);
  const rest = tokens.slice(where + 1).filter((token) => token.end <= (format?.start ?? endOf(text, tokens)));
  const last = wordOf(text, rest.at(-1));
  const mode = last === "SYNC" || last === "TEST" ? last : "ASYNC";
  const condition = last === "SYNC" || last === "TEST" || last === "ASYNC" ? rest.slice(0, -1) : rest;
  const [from, to] = [condition[0]?.start, condition.at(-1)?.end];
  if (from === undefined || to === undefined) return commandIn(text, tokens);
  return { kind: "kill", where: utf8(text.slice(from, to)), mode, format: format?.name };
}

function onlyStatement(text: string): Token[] {
  const tokens = [...tokensOf(text)];
  const end = tokens.findIndex((token) => token.depth === 0 && text[token.start] === ";" && token.kind === "mark");
  if (indexOfWords(text, tokens, "INTO", "OUTFILE") >= 0)
    throw new EngineError(161, "INTO_OUTFILE_NOT_ALLOWED", "INTO OUTFILE is not allowed.");
  const next = tokens.slice(end + 1).find((token) => text[token.start] !== ";");
  if (end >= 0 && next)
    throw new EngineError(
      62,
      "SYNTAX_ERROR",
      `Syntax error (Multi-statements are not allowed): failed at position ${(tokens[end]?.start ?? 0) + 1} (end of query).`,
    );
  return tokens;
}

/** Where the statement ends: before its last semicolons. A comment behind it stays: it may mark the query. */
function endOf(text: string, tokens: Token[]): number {
  const last = tokens.findLastIndex((token) => text[token.start] !== ";" || token.kind !== "mark");
  return tokens[last + 1]?.start ?? text.length;
}

const indexOfWords = (text: string, tokens: Token[], ...words: string[]): number =>
  tokens.findIndex((_, at) => words.every((word, offset) => wordOf(text, tokens[at + offset]) === word));

const wordOf = (text: string, token: Token | undefined): string =>
  token === undefined || token.kind === "quoted" ? "" : text.slice(token.start, token.end).toUpperCase();

const utf8 = (latin1: string): string => Buffer.from(latin1, "latin1").toString("utf8");
