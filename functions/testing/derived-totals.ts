import type { ClickHouseClient } from "@clickhouse/client";

type Total = { name: string; view: string; events: string };

/** Both sides name the same columns in the same order; what is derived, and the same straight from the events. */
export const DERIVED_TOTALS: readonly Total[] = [
  {
    name: "event_volume",
    view: `SELECT workspace_id, slot, source_id, type, event, events, first_timestamp, last_timestamp, last_message_id
      FROM event_volume`,
    events: `SELECT workspace_id, toStartOfFifteenMinutes(timestamp) AS slot, source_id, type, event, count(),
        min(timestamp), max(timestamp), argMax(message_id, (timestamp, message_id))
      FROM events GROUP BY workspace_id, slot, source_id, type, event`,
  },
  {
    name: "event_days",
    view: "SELECT workspace_id, day, source_id, type, event, events, first_timestamp, last_timestamp FROM event_days",
    events: `SELECT workspace_id, toDate(timestamp, 'UTC') AS day, source_id, type, event, count(),
        min(timestamp), max(timestamp)
      FROM events GROUP BY workspace_id, day, source_id, type, event`,
  },
  {
    name: "event_catalog",
    view: `SELECT workspace_id, type, event, events, first_timestamp, last_timestamp, last_message_id, source_ids
      FROM event_catalog`,
    events: `SELECT workspace_id, type, event, count(), min(timestamp), max(timestamp),
        argMax(message_id, (timestamp, message_id)), arraySort(groupUniqArray(source_id))
      FROM events GROUP BY workspace_id, type, event`,
  },
  {
    name: "actor_activity",
    view: `SELECT workspace_id, slot, user_id, anonymous_id, events, page_views, first_timestamp, entry, last_timestamp, exit
      FROM actor_activity`,
    events: `SELECT workspace_id, toStartOfFifteenMinutes(timestamp) AS slot, user_id, anonymous_id, count(),
        countIf(type = 'page'), min(timestamp), min((timestamp, what)).2, max(timestamp), max((timestamp, what)).2
      FROM (SELECT *, multiIf(type = 'page' AND \`context.page_path\` != '', \`context.page_path\`, event != '', event,
        name != '', name, type) AS what FROM events)
      GROUP BY workspace_id, slot, user_id, anonymous_id`,
  },
];

/** The views that count, once a minute by themselves. */
const REFRESHED = ["event_slots_refresh", "actor_slots_refresh"];

/**
 * Counts what is stored when this is called. Throws the engine's error when a refresh fails. Twice, since a refresh that
 * was under way has not seen everything, and the wait may have been for that one.
 */
export async function refreshTotals(client: ClickHouseClient): Promise<void> {
  for (let round = 0; round < 2; round++)
    for (const view of REFRESHED) {
      await client.command({ query: `SYSTEM REFRESH VIEW ${view}` });
      await client.command({ query: `SYSTEM WAIT VIEW ${view}` });
    }
}

/**
 * I4: every derived total equals the same total over the event table. What does not, by name, with up to three rows of
 * either side; empty when it holds. Nothing may be stored meanwhile.
 */
export async function wrongTotals(client: ClickHouseClient): Promise<string[]> {
  await refreshTotals(client);
  const rowsOf = async (query: string) =>
    (await client.query({ query: `${query} LIMIT 3`, format: "JSONCompactEachRow" })).json<unknown[]>();
  const wrong: string[] = [];
  for (const { name, view, events } of DERIVED_TOTALS) {
    for (const row of await rowsOf(`SELECT * FROM (${view} EXCEPT ${events})`))
      wrong.push(`${name} says ${JSON.stringify(row)}, and the events do not`);
    for (const row of await rowsOf(`SELECT * FROM (${events} EXCEPT ${view})`))
      wrong.push(`${name} does not say ${JSON.stringify(row)}, as the events do`);
    for (const row of await rowsOf(`SELECT count() FROM (${view}) HAVING count() != (SELECT count() FROM (${events}))`))
      wrong.push(`${name} has ${row} rows, and the events give another number`);
  }
  return wrong;
}
