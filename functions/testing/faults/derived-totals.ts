import type { ClickHouseClient } from "@clickhouse/client";

/** A total that is derived from the events of a workspace, and the same total asked of their table. Both are parameterized by it. */
export type DerivedTotal = { name: string; derived: string; events: string };

const MINE = "workspace_id = {workspaceId: UUID}";

/** Everything that somebody may read instead of the table. One more is one line more. I4. */
export const DERIVED_TOTALS: readonly DerivedTotal[] = [
  {
    name: "events_track",
    derived: `SELECT event, count() AS events FROM events_track WHERE ${MINE} GROUP BY event ORDER BY event`,
    events: `SELECT event, count() AS events FROM events WHERE ${MINE} AND type = 'track' GROUP BY event ORDER BY event`,
  },
];

/** Those that are not what their query over the table says, each with both answers. */
export async function wrongTotals(
  clickhouse: Pick<ClickHouseClient, "query">,
  workspaceId: string,
  totals: readonly DerivedTotal[] = DERIVED_TOTALS,
): Promise<string[]> {
  const answerTo = async (query: string) => {
    const answer = await clickhouse.query({ query, query_params: { workspaceId }, format: "JSONEachRow" });
    return JSON.stringify(await answer.json());
  };
  const wrong: string[] = [];
  for (const { name, derived, events } of totals) {
    const [said, counted] = [await answerTo(derived), await answerTo(events)];
    if (said !== counted) wrong.push(`${name} says ${said}, the events ${counted}`);
  }
  return wrong;
}
