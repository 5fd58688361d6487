import type { Source } from "../../registry/source.ts";
import type { Grouped } from "./grouped.ts";

/** How long Redis keeps a write key's source: a revoke whose invalidation was lost holds after that and the isolate's 5 s. */
export const WRITE_KEY_SECONDS = 60;

/** Write keys are known by their SHA-256, in hex; the key itself is nowhere (decision 12). */
export const writeKeyOf = (keyHash: string): string => `wk:${keyHash}`;

/** Makes every isolate ask again for a key that was revoked or changed, within its own 5 s. Rejects when Redis is away. */
export const createForgetKey =
  ({ redis }: { redis: Grouped }) =>
  async (keyHash: string): Promise<void> => {
    await redis({ characters: keyHash.length, add: (pipeline) => pipeline.del(writeKeyOf(keyHash)) });
  };

/** Unknown keys are kept apart and shortly, so that guessing keys neither pushes out real ones nor hides a new one. */
const NEGATIVE_MS = 1_000;
const ENTRIES_MAX = 10_000;

/** What this isolate knows of write keys: the source, null for a key that nobody has, undefined when it must ask. */
export function createIsolateKeys({ now, isolateMs }: { now: () => number; isolateMs: number }) {
  const sources = createExpiring<Source>(isolateMs, now);
  const nobody = createExpiring<null>(Math.min(NEGATIVE_MS, isolateMs), now);
  return {
    get: (keyHash: string): Source | null | undefined => {
      const source = sources.get(keyHash);
      return source === undefined ? nobody.get(keyHash) : source;
    },
    set: (keyHash: string, source: Source | null): void => {
      if (source === null) nobody.set(keyHash, null);
      else sources.set(keyHash, source);
    },
  };
}

/** A map that forgets after `keptMs`, and its oldest entry above ENTRIES_MAX. */
function createExpiring<T>(keptMs: number, now: () => number) {
  const entries = new Map<string, { value: T; until: number }>();
  return {
    get: (key: string): T | undefined => {
      const entry = entries.get(key);
      return entry !== undefined && entry.until > now() ? entry.value : undefined;
    },
    set: (key: string, value: T): void => {
      entries.delete(key);
      entries.set(key, { value, until: now() + keptMs });
      for (const oldest of entries.keys()) {
        if (entries.size <= ENTRIES_MAX) break;
        entries.delete(oldest);
      }
    },
  };
}
