/**
 * The ids of the contract's rows, by their first letter: A analytics, D its data layer, I ingestion, T the tracker, E event
 * records, C settled contradictions, K client requests, S server rules, B beyond the sources, P pains of peers. A test that
 * shows a row has its id in its title.
 */
const ROWS: Record<string, readonly [from: number, to: number][]> = {
  A: [[1, 40]],
  D: [
    [1, 6],
    [10, 24],
  ],
  I: [[1, 32]],
  T: [[1, 45]],
  E: [[1, 21]],
  C: [[1, 28]],
  K: [
    [1, 9],
    [11, 23],
    [30, 39],
  ],
  S: [[1, 14]],
  B: [[1, 36]],
  P: [[1, 47]],
};

/** Every id, such as `I-09`; S-rows are not filled up to two digits. */
export const CONTRACT_ROWS: readonly string[] = Object.entries(ROWS).flatMap(([letter, ranges]) =>
  ranges.flatMap(([from, to]) =>
    Array.from(
      { length: to - from + 1 },
      (_, at) => `${letter}-${letter === "S" ? from + at : `${from + at}`.padStart(2, "0")}`,
    ),
  ),
);

/** The rows that none of these titles names. */
export function rowsWithoutTest(titles: readonly string[]): string[] {
  const named = new Set(titles.flatMap((title) => title.match(/\b[A-Z]-\d{1,2}\b/g) ?? []));
  return CONTRACT_ROWS.filter((row) => !named.has(row));
}
