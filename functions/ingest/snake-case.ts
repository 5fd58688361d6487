const known = new Map<string, string>();
/** Names come from a small vocabulary; a flood of made-up ones empties the memory instead of filling it. */
const KNOWN_MAX = 20_000;

/**
 * A name in snake_case: split at camel humps (`iPhone` → `i_phone`, `HTTPServer` → `http_server`, `address2` stays),
 * NFKC, lower case, runs of anything but letters and digits of any script → one `_`, trimmed; nothing left → `_`.
 * Decision 13b.
 */
export function snakeCase(name: string): string {
  const cached = known.get(name);
  if (cached !== undefined) return cached;
  const snake =
    name
      .normalize("NFKC")
      .replace(/(\p{Ll}|\p{Nd})(\p{Lu})/gu, "$1_$2")
      .replace(/(\p{Lu})(\p{Lu}\p{Ll})/gu, "$1_$2")
      .toLowerCase()
      // Lower-casing may leave a combining dot behind (İ), which is neither letter nor digit but belongs to one.
      .normalize("NFKC")
      .replace(/[^\p{L}\p{N}\p{M}]+/gu, "_")
      .replace(/^_+|_+$/g, "") || "_";
  if (known.size >= KNOWN_MAX) known.clear();
  if (name.length <= 255) known.set(name, snake);
  return snake;
}
