import { randomUUID } from "node:crypto";
import type { ClickHouseClient } from "@clickhouse/client";
import type { KeepLettersPorts } from "../../deliver/dead-letter.ts";
import { type DeadLetter, NOBODY } from "../../event/dead-letter.ts";
import { isUuid } from "../../kit/id.ts";
import { fromClickHouse } from "./clickhouse-error.ts";
import { clickhouseTime, type InsertLines } from "./insert-lines.ts";
import { readSql } from "./sql-file.ts";

/** Ids travel in the request's line. */
const ID_CHARS_MAX = 60_000;
/** A letter that is said again has its time, or one of a retry's: the queue's five tries are over long before. */
const REPEAT_MS = 24 * 60 * 60 * 1_000;

/**
 * Stores each letter once: queues deliver twice, and a retried chunk says the same again, so what the table holds is
 * left out by its id. Two that are stored at the same moment are the table's own to merge. F38, F43.
 */
export const createStoreLetters =
  (clickhouse: Pick<ClickHouseClient, "query">, insert: InsertLines): KeepLettersPorts["storeLetters"] =>
  async (letters) => {
    const byId = new Map(letters.map((letter) => [letter.id, letter]));
    for (const group of inGroups([...byId.values()]))
      for (const id of await storedIds(clickhouse, group)) byId.delete(id);
    if (byId.size > 0) await insert("dead_letters", [...byId.values()].map(rowOf));
  };

async function storedIds(
  clickhouse: Pick<ClickHouseClient, "query">,
  letters: readonly DeadLetter[],
): Promise<string[]> {
  const times = letters.map(({ rejectedAt }) => rejectedAt);
  try {
    const answer = await clickhouse.query({
      query: readSql("deliver/stored_letters"),
      query_params: {
        workspaces: [...new Set(letters.map(({ workspaceId }) => uuidOr(workspaceId)))],
        from: Math.min(...times) - REPEAT_MS,
        to: Math.max(...times) + REPEAT_MS,
        ids: letters.map(({ id }) => id),
      },
      query_id: `writer:${randomUUID()}`,
      format: "JSONEachRow",
    });
    return (await answer.json<{ id: string }>()).map(({ id }) => id);
  } catch (error) {
    throw fromClickHouse(error);
  }
}

function* inGroups(letters: readonly DeadLetter[]): Generator<DeadLetter[]> {
  let group: DeadLetter[] = [];
  let chars = 0;
  for (const letter of letters) {
    if (group.length > 0 && chars + letter.id.length > ID_CHARS_MAX) {
      yield group;
      [group, chars] = [[], 0];
    }
    group.push(letter);
    chars += letter.id.length;
  }
  if (group.length > 0) yield group;
}

const rowOf = (letter: DeadLetter) => ({
  workspace_id: uuidOr(letter.workspaceId),
  id: letter.id,
  source_id: uuidOr(letter.sourceId),
  message_id: letter.messageId.toWellFormed(),
  type: letter.type.toWellFormed(),
  event: letter.event.toWellFormed(),
  stage: letter.stage,
  code: letter.code,
  field: letter.field.toWellFormed(),
  message: letter.message.toWellFormed(),
  payload_kind: letter.payloadKind,
  payload: letter.payload.toWellFormed(),
  attempt: letter.attempt,
  trace: letter.trace.toWellFormed(),
  replay_id: letter.replayId,
  received_at: clickhouseTime(letter.receivedAt),
  rejected_at: clickhouseTime(letter.rejectedAt),
});

const uuidOr = (id: string) => (isUuid(id) ? id : NOBODY);
