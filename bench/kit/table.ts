import { type Row, type Target, verdictOf } from "./row.ts";
import type { Spread } from "./statistics.ts";

const HEAD = ["question", "what", "ours", "unit", "reference", "ratio", "target", ""];

/** The rows as one table of Markdown, readable in a terminal and in the README. A spread stands in brackets. */
export function tableOf(rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    row.question,
    row.what,
    shown(row.ours),
    row.unit,
    row.reference ? `${shown(row.reference.figure)} (${row.reference.what})` : "",
    row.ratio ? shown(row.ratio) : "",
    row.target ? targetText(row, row.target) : "",
    verdictOf(row) ?? "",
  ]);
  const widths = HEAD.map((head, at) => Math.max(head.length, ...cells.map((line) => (line[at] ?? "").length)));
  const line = (texts: readonly string[]) =>
    `| ${widths.map((width, at) => (texts[at] ?? "").padEnd(width)).join(" | ")} |`;
  return [line(HEAD), line(widths.map((width) => "-".repeat(width))), ...cells.map(line)].join("\n");
}

function targetText(row: Row, { name, at, bound, toBeProudOf }: Target): string {
  const first = `${name} ${at === "least" ? "≥" : "≤"} ${number(bound)}`;
  return toBeProudOf === undefined ? first : `${first}, then ${number(toBeProudOf)}: ${verdictOf(row, toBeProudOf)}`;
}

function shown({ median, low, high }: Spread): string {
  return low === high ? number(median) : `${number(median)} [${number(low)}–${number(high)}]`;
}

/** Three digits that mean something, whole numbers from 100 on. */
export const number = (value: number): string =>
  Number.isInteger(value) || Math.abs(value) >= 100
    ? Math.round(value).toLocaleString("en")
    : Number(value.toPrecision(3)).toString();
