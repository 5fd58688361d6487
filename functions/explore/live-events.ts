/**
 * One entry of a source's live view: what became of a request, as the JSON text that its door wrote (`Report.live`).
 * Ids grow with time and serve as `Last-Event-ID`. Decision 14b.
 */
export type LiveEntry = { id: string; entry: string };

/**
 * Up to `max` entries, oldest first: those after an id, or without one the newest. An id that was trimmed away goes on
 * with the oldest that is left. Throws `unavailable` when the cache is away.
 */
export type ReadLive = (sourceId: string, afterId: string | undefined, max: number) => Promise<LiveEntry[]>;

/** What a source's events of a day of UTC (`yyyymmdd`) came to, by name (`accepted`, `rejected:schema_conflict` …). */
export type SourceCounts = { sourceId: string; day: string; counts: Readonly<Record<string, number>> };

/** One entry for each source and day asked for, in that order; kept for 40 days. Throws `unavailable`. */
export type CountsOf = (sourceIds: readonly string[], days: readonly string[]) => Promise<SourceCounts[]>;
