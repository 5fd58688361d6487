import type { StorePorts } from "../../deliver/store-once.ts";
import { clickhouseTime, type InsertLines } from "./insert-lines.ts";

/** Keeps who was suspect and stored, for a quarter of an hour. A repeat is a row more, which a question does not see. */
export const createNoteSuspects =
  (insert: InsertLines, now: () => number = Date.now): StorePorts["noteSuspects"] =>
  (shard, known) => {
    const noted_at = clickhouseTime(now());
    return insert(
      "recent_suspects",
      known.map(({ workspaceId, messageId }) => ({
        shard,
        workspace_id: workspaceId,
        message_id: messageId,
        noted_at,
      })),
    );
  };
