import { closeSync, existsSync, fstatSync, openSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";

const LOOK_MS = 1_000;
/** What is sought may lie on the border of two looks. */
const OVERLAP = 256;

/**
 * Reads everything that a system's processes write to its log files while they write it, since a log is cut when it
 * grows large. `found` are those of `sought` that stood in one; `hear` seeks in other text in the same way. `marked` says
 * how many of the looks met one of `marks`.
 */
export function watchLogs(folder: string, sought: () => readonly string[], marks: readonly string[]) {
  const found = new Set<string>();
  const met = new Map<string, number>();
  const ends = new Map<string, { at: number; tail: string }>();
  let bytes = 0;
  const hear = (text: string) => {
    for (const each of sought()) if (text.includes(each)) found.add(each);
  };
  const look = () => {
    if (!existsSync(folder)) return;
    for (const file of readdirSync(folder)) {
      const { at, tail } = ends.get(file) ?? { at: 0, tail: "" };
      const fd = openSync(join(folder, file), "r");
      const { size } = fstatSync(fd);
      // It was cut.
      const from = size < at ? 0 : at;
      const piece = Buffer.alloc(size - from);
      const read = readSync(fd, piece, 0, piece.length, from);
      closeSync(fd);
      if (read === 0) continue;
      bytes += read;
      const text = tail + piece.toString("utf8", 0, read);
      hear(text);
      for (const mark of marks) if (text.slice(tail.length).includes(mark)) met.set(mark, (met.get(mark) ?? 0) + 1);
      ends.set(file, { at: from + read, tail: text.slice(-OVERLAP) });
    }
  };
  const timer = setInterval(look, LOOK_MS);
  return {
    found: (): ReadonlySet<string> => {
      look();
      return found;
    },
    hear,
    marked: (mark: string): number => {
      look();
      return met.get(mark) ?? 0;
    },
    bytes: () => bytes,
    stop: () => clearInterval(timer),
  };
}
