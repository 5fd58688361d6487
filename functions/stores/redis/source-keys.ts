import type { Pipeline } from "@upstash/redis";
import type { Source } from "../../registry/source.ts";
import type { Grouped } from "./grouped.ts";

/** How long Redis keeps a source: a revoke whose invalidation was lost holds after that and the isolate's 5 s. F31. */
export const SOURCE_SECONDS = 60;

/** The channel that names lookups which isolates must forget. */
export const KEYS_CHANNEL = "keys";

/** Sources are kept by their lookup, in which a write key is its SHA-256; the key itself is nowhere (decision 12). */
export const sourceKeyOf = (lookup: string): string => `wk:${lookup}`;

/** Keeps a source for every isolate, as the first command of a trip. */
export const keepSource =
  (lookup: string, source: Source) =>
  (pipeline: Pipeline): void =>
    void pipeline.set(sourceKeyOf(lookup), JSON.stringify(source), { ex: SOURCE_SECONDS });

export type ForgetLookup = (lookups: readonly string[]) => Promise<void>;

/**
 * After a source, a key of it or its workspace's limits were changed: Redis forgets the lookups in one trip, an isolate
 * that listens at once, the others within their own 5 s. Rejects when Redis is away; then the 65 s of F31 hold.
 */
export const createForgetLookup =
  ({ redis }: { redis: Grouped }): ForgetLookup =>
  async (lookups) => {
    if (lookups.length === 0) return;
    await redis({
      characters: lookups.join().length * 2,
      add: (pipeline) => {
        pipeline.del(...lookups.map(sourceKeyOf));
        for (const lookup of lookups) pipeline.publish(KEYS_CHANNEL, lookup);
      },
    });
  };
