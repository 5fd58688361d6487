import { randomUUID } from "node:crypto";
import type { ClickHouseClient } from "@clickhouse/client";
import type { Known, Position, Wanted } from "../../deliver/store-once.ts";
import { fromClickHouse } from "./clickhouse-error.ts";
import { MANY } from "./note-suspects.ts";
import { readSql } from "./sql-file.ts";
import { throughStaleSocket } from "./stale-socket.ts";

/** Sequence numbers as Kinesis writes them, both inclusive. */
export type ShardRange = { shard: string; from: string; to: string };

/** The writer's questions. Their query ids start with `writer:`: the local warehouse asks them where inserts run. */
export type StoredKeys = {
  storedPositions: (range: ShardRange) => Promise<Position[]>;
  storedCount: (range: ShardRange) => Promise<number>;
  storedMessageIds: (workspaceId: string, wanted: readonly Wanted[]) => Promise<Set<string>>;
  recentSuspects: (shard: string) => Promise<Known[] | "many">;
  /** Which columns the table of events has at this moment. */
  columnsNow: () => Promise<Set<string>>;
};

const DAY_MS = 24 * 60 * 60 * 1_000;
/** A retry without a time of its own comes within two days of the first copy. `reliability.md` 3.3. */
const RECEIVED_SPAN_MS = 2 * DAY_MS;
/** A put that timed out lands within minutes, or never. Decision 15a. */
const NOTED_FOR_MS = 15 * 60 * 1_000;
/** To read the names of more than these costs a chunk more than to look up its own events: 42 ms, and 1 s for 500,000 (measured). */
const NAMED_MAX = 10_000;
/** Ids travel in the request's line. */
const ID_CHARS_MAX = 60_000;

/**
 * Looks up what the table holds. A range is found by `_seq`, message ids by `_key` within their own times, a day at a
 * time, so that one event from long ago does not widen the search for all. Errors as `fromClickHouse` says.
 */
export function createStoredKeys(
  clickhouse: Pick<ClickHouseClient, "query">,
  { secondsMax = 30, now = Date.now }: { secondsMax?: number; now?: () => number } = {},
): StoredKeys {
  const rows = async <Row>(sql: string, query_params: Record<string, unknown>): Promise<Row[]> => {
    try {
      return await throughStaleSocket(async () => {
        const answer = await clickhouse.query({
          query: readSql(sql),
          query_params,
          query_id: `writer:${randomUUID()}`,
          format: "JSONEachRow",
          clickhouse_settings: { max_execution_time: secondsMax },
        });
        return answer.json<Row>();
      });
    } catch (error) {
      throw fromClickHouse(error);
    }
  };

  return {
    storedPositions: async ({ shard, from, to }) => {
      const found = await rows<{ _seq: string; _sub: number }>("deliver/stored_positions", { shard, from, to });
      return found.map(({ _seq, _sub }) => ({ seq: _seq.replace(FILLED_UP, ""), sub: _sub }));
    },
    storedCount: async (range) => {
      const [found] = await rows<{ events: string | number }>("deliver/stored_count", range);
      return Number(found?.events);
    },
    recentSuspects: async (shard) => {
      const since = now() - NOTED_FOR_MS;
      const found = await rows<{ workspace_id: string; message_id: string }>("deliver/recent_suspects", {
        shard,
        since,
        most: NAMED_MAX + 1,
      });
      if (found.length > NAMED_MAX || found.some(({ message_id }) => message_id === MANY)) return "many";
      return found.map(({ workspace_id, message_id }) => ({ workspaceId: workspace_id, messageId: message_id }));
    },
    columnsNow: async () => {
      const found = await rows<{ name: string }>("deliver/columns_now", {});
      return new Set(found.map(({ name }) => name));
    },
    storedMessageIds: async (workspaceId, wanted) => {
      const stored = new Set<string>();
      for (const { sql, ids, from, to } of lookupsOf(wanted)) {
        const found = await rows<{ message_id: string }>(sql, { workspace_id: workspaceId, ids, from, to });
        for (const { message_id } of found) stored.add(message_id);
      }
      return stored;
    },
  };
}

/** A FixedString fills a shorter value up with zero bytes. */
const FILLED_UP = /\0+$/;

type Lookup = { sql: string; ids: string[]; from: number; to: number; chars: number };

/** One look-up for each day of the events' own times, and one for those that have none; cut where a request would be too long. */
export function lookupsOf(wanted: readonly Wanted[]): Omit<Lookup, "chars">[] {
  const lookups: Lookup[] = [];
  const open = new Map<string, Lookup>();
  for (const { messageId, originalTimestamp, receivedAt } of wanted) {
    const timed = originalTimestamp !== undefined;
    const day = timed ? `day ${Math.floor(originalTimestamp / DAY_MS)}` : "untimed";
    let lookup = open.get(day);
    if (!lookup || lookup.chars + messageId.length > ID_CHARS_MAX) {
      const sql = timed ? "deliver/stored_message_ids" : "deliver/stored_message_ids_received";
      lookup = { sql, ids: [], from: Number.POSITIVE_INFINITY, to: Number.NEGATIVE_INFINITY, chars: 0 };
      lookups.push(lookup);
      open.set(day, lookup);
    }
    lookup.ids.push(messageId);
    lookup.chars += messageId.length;
    lookup.from = Math.min(lookup.from, timed ? originalTimestamp : receivedAt - RECEIVED_SPAN_MS);
    lookup.to = Math.max(lookup.to, timed ? originalTimestamp : receivedAt + RECEIVED_SPAN_MS);
  }
  return lookups;
}
