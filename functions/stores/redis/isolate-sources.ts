import { keepNewest } from "../../kit/keep-newest.ts";
import type { Source } from "../../registry/source.ts";

/** Unknown lookups are kept apart and shortly, so that guessing keys neither pushes out real ones nor hides a new one. */
const NEGATIVE_MS = 1_000;
const ENTRIES_MAX = 10_000;

export type IsolateSources = ReturnType<typeof createIsolateSources>;

/**
 * What this isolate knows of sources by their lookup: the source, null for a lookup that nobody has, undefined when it
 * must ask. `forget` drops one at once, or all of them where it is not known which changed. Decision 12.
 */
export function createIsolateSources({ now, isolateMs }: { now: () => number; isolateMs: number }) {
  const sources = createExpiring<Source>(isolateMs, now);
  const nobody = createExpiring<null>(Math.min(NEGATIVE_MS, isolateMs), now);
  return {
    get: (lookup: string): Source | null | undefined => {
      const source = sources.get(lookup);
      return source === undefined ? nobody.get(lookup) : source;
    },
    set: (lookup: string, source: Source | null): void => {
      if (source === null) nobody.set(lookup, null);
      else sources.set(lookup, source);
    },
    forget: (lookup?: string): void => {
      sources.forget(lookup);
      nobody.forget(lookup);
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
      keepNewest(entries, key, { value, until: now() + keptMs }, ENTRIES_MAX);
    },
    forget: (key: string | undefined): void => {
      if (key === undefined) entries.clear();
      else entries.delete(key);
    },
  };
}
