import type { Setting } from "./engine.ts";

/** What one custom query may use at most; a caller may ask for less. S8 of the reliability tests. */
const CAPS = {
  max_execution_time: 60,
  max_memory_usage: 1_000_000_000,
  max_threads: 2,
  max_rows_to_read: 1_000_000_000,
  max_result_rows: 1_000_000,
  max_result_bytes: 512_000_000,
  max_ast_depth: 1_000,
  max_ast_elements: 50_000,
  max_expanded_ast_elements: 500_000,
  max_subquery_depth: 100,
  max_query_size: 262_144,
} as const;

/** Every limit ends the query with an error: `break` would answer with part of the rows as if they were all. */
const OVERFLOW_MODES = ["timeout", "read", "result", "group_by", "sort", "set", "join", "distinct", "transfer"].map(
  (name) => [`${name}_overflow_mode`, "throw"] as const,
);

/**
 * The settings of a read-only query: the caller's own, its limits held under the caps (0 means none, hence the cap), and
 * locked, so that the query's text can change none of them.
 */
export function readOnlySettings(given: readonly Setting[]): Setting[] {
  const wanted = new Map(given);
  const caps = Object.entries(CAPS).map(([name, cap]) => {
    const asked = Number(wanted.get(name) ?? cap);
    return [name, String(asked > 0 && asked < cap ? asked : cap)] as const;
  });
  return [...new Map([...given, ...caps, ...OVERFLOW_MODES, ["readonly", "1"] as const])];
}
