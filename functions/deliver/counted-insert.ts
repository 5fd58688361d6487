import { metrics } from "../kit/metrics.ts";
import { RowsRefused } from "./rows-refused.ts";
import { AGAIN, type StorePorts } from "./store-once.ts";

/** The insert, with its rows, its time and its outcome counted; its bytes are counted where they are known. */
export const countedInsert =
  (insert: StorePorts["insert"]): StorePorts["insert"] =>
  async (range, selected, token, msMax) => {
    const rows = selected.reduce((sum, { subs }) => sum + subs.length, 0);
    const began = performance.now();
    try {
      await insert(range, selected, token, msMax);
    } catch (error) {
      if (error instanceof RowsRefused) metrics.writer.refused(1);
      else metrics.writer.unknown(1);
      throw error;
    }
    metrics.writer.inserted({ rows, seconds: (performance.now() - began) / 1_000 });
    // The same rows under their second name: under the first they were counted, and not stored.
    if (token.endsWith(AGAIN)) metrics.writer.tokenAgain(1);
    else metrics.writer.stored(rows);
  };
