import { readFileSync } from "node:fs";
import { join } from "node:path";

const kept = new Map<string, string>();

/** The text of `sql/<name>.sql` under the working directory, read once: a function's bundle carries the folder. Decision 19. */
export function readSql(name: string): string {
  let text = kept.get(name);
  if (text === undefined) {
    text = readFileSync(join("sql", `${name}.sql`), "utf8");
    kept.set(name, text);
  }
  return text;
}

/** The names of a template's `{name: Type}` parameters, and of the slots that its comments mark. */
export const namesIn = (text: string): { params: Set<string>; slots: Set<string> } => ({
  params: new Set([...text.matchAll(/\{(\w+):/g)].map((match) => match[1] ?? "")),
  slots: new Set([...text.matchAll(SLOT)].map((match) => match[1] ?? "")),
});

/** Fills each marked slot. Throws when the template marks a slot that is not given: a forgotten filter is no answer. */
export const fillSlots = (text: string, parts: Readonly<Record<string, { text: string }>>): string =>
  text.replace(SLOT, (_, slot: string) => {
    const part = parts[slot];
    if (!part) throw new Error(`the slot "${slot}" of a template was not filled`);
    return part.text;
  });

const SLOT = /\/\* \[(\w+)\] \*\//g;
