import type { CountsOf, LiveEntry, ReadLive } from "../../explore/live-events.ts";
import { AppError } from "../../kit/errors.ts";
import type { Commands, Grouped } from "./grouped.ts";

/** The last outcomes of a source, about a thousand requests of the last week. Decision 14b. */
export const liveKeyOf = (sourceId: string): string => `live:${sourceId}`;
/** What a source's events of a day (`yyyymmdd`, UTC) came to, kept for 40 days. */
export const countsKeyOf = (sourceId: string, day: string): string => `counts:${sourceId}:${day}`;

/** An entry's id as Redis gives it; what a browser sends back as Last-Event-ID may be anything. */
const ENTRY_ID = /^\d{1,16}-\d{1,16}$/;

/** Entries after an id, or the newest when there is none or it is none of ours; oldest first. */
export const createReadLive =
  ({ redis }: { redis: Grouped }): ReadLive =>
  async (sourceId, afterId, max) => {
    const key = liveKeyOf(sourceId);
    const after = afterId !== undefined && ENTRY_ID.test(afterId) ? afterId : undefined;
    const [entries] = await asked(redis, {
      characters: key.length,
      add: (pipeline) =>
        after === undefined ? pipeline.xrevrange(key, "+", "-", max) : pipeline.xrange(key, `(${after}`, "+", max),
    });
    const found = (entries as [id: string, fields: string[]][]).map(
      ([id, fields]): LiveEntry => ({ id, entry: fields[1] ?? "" }),
    );
    return after === undefined ? found.reverse() : found;
  };

/** Reads every (source, day) in one trip; a day without events has no counts. */
export const createCountsOf =
  ({ redis }: { redis: Grouped }): CountsOf =>
  async (sourceIds, days) => {
    const asks = sourceIds.flatMap((sourceId) => days.map((day) => ({ sourceId, day })));
    if (asks.length === 0) return [];
    const answers = await asked(redis, {
      characters: asks.length * 60,
      add: (pipeline) => {
        for (const { sourceId, day } of asks) pipeline.hgetall(countsKeyOf(sourceId, day));
      },
    });
    return asks.map((ask, index) => ({ ...ask, counts: toCounts(answers[index] as string[]) }));
  };

function toCounts(flat: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let at = 0; at < flat.length; at += 2) counts[flat[at] ?? ""] = Number(flat[at + 1]);
  return counts;
}

async function asked(redis: Grouped, commands: Commands): Promise<unknown[]> {
  try {
    return await redis(commands);
  } catch (cause) {
    throw new AppError("unavailable", "what happened lately cannot be read now, ask again", {
      retryAfterSeconds: 5,
      cause,
    });
  }
}
