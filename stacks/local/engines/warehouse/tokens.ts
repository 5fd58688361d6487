export type Token = { kind: "word" | "quoted" | "mark" | "broken"; start: number; end: number; depth: number };

/**
 * The tokens of ClickHouse's SQL, comments and blanks left out, lazily: the binary data behind an INSERT is never
 * looked at by who stops in time. `text` is latin1 of the bytes, so positions are byte offsets. `depth` counts open
 * brackets. An unclosed quote or comment is one last `broken` token.
 */
export function* tokensOf(text: string): Generator<Token> {
  let at = 0;
  let depth = 0;
  while (at < text.length) {
    const start = at;
    const char = text[at] ?? "";
    if (matchAt(BLANK, text, at) > at) {
      at = matchAt(BLANK, text, at);
    } else if (matchAt(LINE_COMMENT, text, at) > at) {
      at = matchAt(LINE_COMMENT, text, at);
    } else if (text.startsWith("/*", at)) {
      at = after(text, "*/", at + 2);
      if (at < 0) return yield { kind: "broken", start, end: text.length, depth };
    } else if (char === "'" || char === '"' || char === "`") {
      at = endOfQuoted(text, char, at + 1);
      if (at < 0) return yield { kind: "broken", start, end: text.length, depth };
      yield { kind: "quoted", start, end: at, depth };
    } else if (matchAt(HEREDOC, text, at) > at) {
      const open = matchAt(HEREDOC, text, at);
      at = after(text, text.slice(start, open), open);
      if (at < 0) return yield { kind: "broken", start, end: text.length, depth };
      yield { kind: "quoted", start, end: at, depth };
    } else if (matchAt(WORD, text, at) > at) {
      at = matchAt(WORD, text, at);
      yield { kind: "word", start, end: at, depth };
    } else {
      at += 1;
      if (CLOSING.includes(char)) depth -= 1;
      yield { kind: "mark", start, end: at, depth };
      if (OPENING.includes(char)) depth += 1;
    }
  }
}

const BLANK = /[\s\0]*/y;
const LINE_COMMENT = /(?:--|#[ !])[^\n]*/y;
const HEREDOC = /\$\w*\$/y;
/** Numbers too: nothing here asks what a word is but by its letters. */
const WORD = /[\w\x80-\xff][\w$\x80-\xff]*/y;
const OPENING = "([{";
const CLOSING = ")]}";

function matchAt(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}

function after(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from);
  return found < 0 ? -1 : found + mark.length;
}

/** A backslash escapes anything, a doubled quote stands for itself. */
function endOfQuoted(text: string, quote: string, from: number): number {
  for (let at = from; at < text.length; at += 1) {
    if (text[at] === "\\") at += 1;
    else if (text[at] === quote) {
      if (text[at + 1] !== quote) return at + 1;
      at += 1;
    }
  }
  return -1;
}
