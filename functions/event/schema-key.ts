/** Names recur in every event; a flood of made-up ones empties the memory instead of filling it. */
const keys = new Map<string, string>();
const KEYS_MAX = 10_000;

/** The schema an event falls under: a track event has one for each name, every other call one for its type. Decision 11. */
export function schemaKeyOf(type: string, event: string): string {
  if (type !== "track") return type;
  const known = keys.get(event);
  if (known !== undefined) return known;
  const key = `track:${event}`;
  if (keys.size >= KEYS_MAX) keys.clear();
  keys.set(event, key);
  return key;
}
