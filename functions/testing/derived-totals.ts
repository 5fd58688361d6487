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
        countIf(type = 'page'), min(timestamp), argMin(what, (timestamp, tie)), max(timestamp), argMax(what, (timestamp, tie))
      FROM (SELECT *, multiIf(type = 'page' AND \`context.page_path\` != '', \`context.page_path\`, event != '', event,
        name != '', name, type) AS what, sipHash64(what) % 4194304 AS tie FROM events)
      GROUP BY workspace_id, slot, user_id, anonymous_id`,
  },
];

/** The views that count, by themselves every few minutes. */
const REFRESHED = ["event_slots_refresh", "actor_slots_refresh"];

/**
 * Counts what is stored when this is called. Throws the engine's error when a refresh fails. Twice, since a refresh that
 * was under way has not seen everything, and the wait may have been for that one.
 */
export async function refreshTotals(client: ClickHouseClient): Promise<void> {
  const refresh = async (view: string) => {
    await client.command({ query: `SYSTEM REFRESH VIEW ${view}` });
    await client.command({ query: `SYSTEM WAIT VIEW ${view}` });
  };
  for (let round = 0; round < 2; round++) await Promise.all(REFRESHED.map(refresh));
}

/**
 * I4: every derived total equals the same total over the event table. What does not, by name, with up to three rows of
 * either side; empty when it holds. Nothing may be stored meanwhile.
 */
export async function wrongTotals(client: ClickHouseClient): Promise<string[]> {
  await refreshTotals(client);
  const wrong = await Promise.all(DERIVED_TOTALS.map((total) => differences(client, total)));
  return wrong.flat();
}

async function differences(client: ClickHouseClient, { name, view, events }: Total): Promise<string[]> {
  const told = async (query: string, inWords: (row: string) => string) => {
    const answer = await client.query({ query: `${query} LIMIT 3`, format: "JSONCompactEachRow" });
    return (await answer.json<unknown[]>()).map((row) => inWords(JSON.stringify(row)));
  };
  return [
    ...(await told(`SELECT * FROM (${view} EXCEPT ${events})`, (row) => `${name} says ${row}, and the events do not`)),
    ...(await told(
      `SELECT * FROM (${events} EXCEPT ${view})`,
      (row) => `${name} does not say ${row}, and the events do`,
    )),
    ...(await told(
      `SELECT count() AS rows, (SELECT count() FROM (${events})) AS due FROM (${view}) HAVING rows != due`,
      (row) => `${name} and the events give these numbers of rows: ${row}`,
    )),
  ];
}
