/**
 * The table does not take these rows for what they hold: the same rows again change nothing. What the insert left behind
 * is not said. The message quotes no row. I-21, decision 14.
 */
export class RowsRefused extends Error {
  override readonly name = "RowsRefused";
}
