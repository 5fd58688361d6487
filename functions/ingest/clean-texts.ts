import type { Json, JsonObject } from "../event/event.ts";

/** Deeper than any event may be (decision 10): below it nothing is stored, so nothing needs cleaning. */
const DEPTH_MAX = 64;

/**
 * U+0000 is removed and a lone surrogate becomes U+FFFD, in values and in names: ClickHouse and JSON readers choke on
 * both. `noticed` is called for each text that was changed. Decision 13c.
 */
export function cleanTexts(value: Json, noticed: () => void, depth = 0): Json {
  const clean = (text: string): string => {
    const cleaned = (text.includes("\0") ? text.replaceAll("\0", "") : text).toWellFormed();
    if (cleaned !== text) noticed();
    return cleaned;
  };
  if (typeof value === "string") return clean(value);
  if (typeof value !== "object" || value === null || depth > DEPTH_MAX) return value;
  if (Array.isArray(value)) return value.map((item) => cleanTexts(item, noticed, depth + 1));
  const cleaned: JsonObject = Object.create(null);
  for (const name of Object.keys(value)) cleaned[clean(name)] = cleanTexts(value[name] as Json, noticed, depth + 1);
  return cleaned;
}

/** The same, and whether anything was changed. A text without escapes has nothing to clean: its value is given back as it is. */
export function cleanIn(value: Json, escapes = true): { value: Json; changed: boolean } {
  if (!escapes) return { value, changed: false };
  let changed = false;
  const cleaned = cleanTexts(value, () => {
    changed = true;
  });
  return { value: cleaned, changed };
}
