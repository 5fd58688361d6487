import type { Bucket } from "../../ingest/ports.ts";

/** Ids of a workspace that are stored, which Redis has not heard of. */
export type Owed = { bucket: Bucket; workspaceId: string; ids: string[] };

/** What is kept at most: beyond it the oldest are forgotten, and a late repeat of theirs may be stored twice. */
const IDS_MAX = 20_000;
/** What goes with one trip. */
const TRIP_IDS_MAX = 2_000;
const TRIP_PARTS_MAX = 50;

/** Confirmations that wait for Redis to come back, those of one workspace together. Bounded in memory. */
export function createOwed() {
  const waiting: Owed[] = [];
  let held = 0;
  return {
    add: ({ bucket, workspaceId, ids }: Owed): void => {
      if (ids.length === 0) return;
      const last = waiting.at(-1);
      const fits = last && last.ids.length + ids.length <= TRIP_IDS_MAX;
      if (fits && last.bucket === bucket && last.workspaceId === workspaceId) last.ids.push(...ids);
      else waiting.push({ bucket, workspaceId, ids: [...ids] });
      held += ids.length;
      while (held > IDS_MAX) held -= waiting.shift()?.ids.length ?? held;
    },
    /** The next part, the oldest first: added again by who could not deliver it. */
    take: (): Owed[] => {
      let ids = 0;
      const over = waiting.findIndex((part, index) => {
        ids += part.ids.length;
        return index > 0 && (ids > TRIP_IDS_MAX || index >= TRIP_PARTS_MAX);
      });
      const part = waiting.splice(0, over < 0 ? waiting.length : over);
      held -= part.reduce((sum, one) => sum + one.ids.length, 0);
      return part;
    },
  };
}
