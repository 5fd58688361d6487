import type { StorePorts } from "../../deliver/store-once.ts";
import { clickhouseTime, type InsertLines } from "./insert-lines.ts";

/** A message id that no message has: it stands for more suspects than are named. */
export const MANY = "";

/** To write 10,000 names took 133 ms, twice what their events take (measured); of a chunk of so many it is noted that they are many. */
const NAMED_MAX = 2_000;

/** Keeps who was suspect and stored, for a quarter of an hour. A repeat is a row more, which a question does not see. */
export const createNoteSuspects =
  (insert: InsertLines, now: () => number = Date.now): StorePorts["noteSuspects"] =>
  (shard, known) => {
    const noted_at = clickhouseTime(now());
    const [first] = known;
    const named = first && known.length > NAMED_MAX ? [{ ...first, messageId: MANY }] : known;
    return insert(
      "recent_suspects",
      named.map(({ workspaceId, messageId }) => ({
        shard,
        workspace_id: workspaceId,
        message_id: messageId,
        noted_at,
      })),
    );
  };
