import type { NoteReplays } from "../../deliver/replay.ts";
import { clickhouseTime, type InsertLines } from "./insert-lines.ts";

/** Writes down which letters a replay sent again. Errors as `fromClickHouse` says. */
export const createNoteReplays =
  (insert: InsertLines): NoteReplays =>
  (workspaceId, replays) =>
    insert(
      "replays",
      replays.map(({ letterId, replayId, messageId, edited, sent, requestedAt }) => ({
        workspace_id: workspaceId,
        letter_id: letterId,
        replay_id: replayId,
        message_id: messageId.toWellFormed(),
        edited,
        sent,
        requested_at: clickhouseTime(requestedAt),
      })),
    );
