import type { Mutation } from "./mutations.ts";

/** Both views say the same of how they go on: what stands only in that of `event_slots`. */
const BEGINS = `FROM event_slots WHERE workspace_id = nobody) AS before,
    (SELECT greatest(now64(3, 'UTC'), before.1 + INTERVAL 2 MILLISECOND)) AS started,
    greatest(before.2, toDateTime(600, 'UTC')) - INTERVAL 2 MINUTE AS since`;
const ENDS = `'' AS last_message_id, started AS computed_at
    WHERE oldest > toDateTime(0, 'UTC') OR (SELECT count() FROM stale) > 0
)
ORDER BY workspace_id = nobody`;
const totals = {
  file: "sql/clickhouse/0005_totals.up.sql",
  testFile: "functions/testing/faults/totals.engine.test.ts",
};

/** The totals that are counted from the events. */
export const TOTALS_MUTATIONS: readonly Mutation[] = [
  {
    name: "totals: an insert that takes its time is missed",
    find: BEGINS,
    replace: BEGINS.replace("2 MINUTE", "0 MINUTE"),
    ...totals,
    test: "and what was not yet seen is not missed",
  },
  {
    name: "totals: how far they came is written before it is so",
    find: ENDS,
    replace: ENDS.replace("= nobody", "!= nobody"),
    ...totals,
    test: "in the middle of what it writes leaves what it wrote",
  },
  {
    name: "totals: what is deleted stays in them",
    find: "'' AS last_message_id, started - INTERVAL 1 MILLISECOND",
    replace: "'' AS last_message_id, started - INTERVAL 1 DAY",
    ...totals,
    test: "of slots that were marked because events were deleted",
  },
  {
    name: "totals: the audit finds nothing",
    find: "HAVING sum(stored) != sum(by_event) OR sum(stored) != sum(by_actor)",
    replace: "HAVING sum(stored) < 0",
    ...totals,
    test: "once it is audited, whatever went past it",
  },
];
