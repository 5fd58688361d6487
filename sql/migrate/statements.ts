import { MigrationError } from "./migration.ts";

/**
 * The statements of a ClickHouse file, in order, without comments and without the semicolons between them: its HTTP
 * interface takes one at a time. A semicolon in a string, a quoted name, a heredoc or a comment ends nothing.
 * Throws a MigrationError with the line when one of these is never closed.
 */
export function statementsOf(text: string): string[] {
  const statements: string[] = [];
  let statement = "";
  let at = 0;
  const end = () => {
    if (statement.trim() !== "") statements.push(statement.trim());
    statement = "";
  };
  while (at < text.length) {
    const piece = pieceAt(text, at);
    at += piece.length;
    if (piece === ";") end();
    else if (isComment(piece)) statement += " ";
    else statement += piece;
  }
  end();
  return statements;
}

/** ClickHouse's lexer: `#` opens a comment only before a space or `!`, and strings know \ and doubled quotes. */
const LINE_COMMENT = /(?:--|\/\/|#[ !])[^\n]*/y;
const QUOTED = [/'(?:[^'\\]|\\[\s\S]|'')*'/y, /"(?:[^"\\]|\\[\s\S]|"")*"/y, /`(?:[^`\\]|\\[\s\S]|``)*`/y];
const HEREDOC_TAG = /\$\w*\$/y;
const PLAIN = /[^-/#'"`$;]+/y;

function pieceAt(text: string, at: number): string {
  const simple = matchAt(PLAIN, text, at) ?? matchAt(LINE_COMMENT, text, at);
  if (simple !== undefined) return simple;
  if (text.startsWith("/*", at)) return blockComment(text, at);
  const tag = matchAt(HEREDOC_TAG, text, at);
  if (tag !== undefined) {
    const close = text.indexOf(tag, at + tag.length);
    return close < 0 ? unclosed(text, at, tag) : text.slice(at, close + tag.length);
  }
  const quote = text.charAt(at);
  if (!`'"\``.includes(quote)) return quote;
  for (const quoted of QUOTED) {
    const string = matchAt(quoted, text, at);
    if (string !== undefined) return string;
  }
  return unclosed(text, at, quote);
}

function matchAt(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

/** They nest in ClickHouse. */
function blockComment(text: string, at: number): string {
  let depth = 0;
  for (const { 0: mark, index } of text.slice(at).matchAll(/\/\*|\*\//g)) {
    depth += mark === "/*" ? 1 : -1;
    if (depth === 0) return text.slice(at, at + index + 2);
  }
  return unclosed(text, at, "/*");
}

const isComment = (piece: string): boolean => /^(?:--|\/\/|\/\*|#[ !])/.test(piece);

function unclosed(text: string, at: number, mark: string): never {
  const line = text.slice(0, at).split("\n").length;
  throw new MigrationError(`line ${line}: ${mark} is opened and never closed`);
}
