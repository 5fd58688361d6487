/** A table that is made from `events`; `differences` finds where it says something else, as one column of text. */
export type Derived = { name: string; differences: string };

/**
 * Every derived table, each by the question whose answer is empty while it holds what the same question over `events`
 * finds (I4). One line a table, such as
 * `{ name: "daily counts", differences: "SELECT … FROM (SELECT … FROM daily_counts) FULL JOIN (SELECT … FROM events) …" }`.
 */
export const DERIVED: readonly Derived[] = [];
