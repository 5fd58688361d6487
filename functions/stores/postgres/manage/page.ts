import type { Page, PageOf } from "../../../registry/manage.ts";

/** A page of rows that were asked for with one more than its limit; `placeOf` says where a row stands in their order. */
export function pageOf<Row>(rows: readonly Row[], { limit }: PageOf, placeOf: (row: Row) => string[]): Page<Row> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return { rows: shown, next: rows.length > limit && last !== undefined ? placeOf(last) : undefined };
}
