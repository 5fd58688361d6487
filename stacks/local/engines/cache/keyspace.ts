import { RedisError } from "./reply.ts";
import type { SortedSet } from "./sorted-set.ts";
import type { Stream } from "./stream.ts";

/** The types of Redis, by the name that TYPE answers. */
type Kinds = {
  string: string;
  hash: Map<string, string>;
  set: Set<string>;
  list: string[];
  zset: SortedSet;
  stream: Stream;
};
export type Kind = keyof Kinds;
type Entry = { [K in Kind]: { kind: K; value: Kinds[K]; expiresAt: number } }[Kind];
type EntryOf<K extends Kind> = Extract<Entry, { kind: K }>;

/** A key without an expiry. */
export const NEVER = Number.POSITIVE_INFINITY;

export type Keyspace = ReturnType<typeof createKeyspace>;

/**
 * Redis' keys in memory, gone by the clock `now` (milliseconds) as if they had never been. At `keysMax` keys a new one
 * is refused with Redis' OOM error and nothing is evicted: a claim dropped in silence would make its repeat look new.
 */
export function createKeyspace({ now, keysMax }: { now: () => number; keysMax: number }) {
  const entries = new Map<string, Entry>();

  const live = (key: string): Entry | undefined => {
    const entry = entries.get(key);
    if (entry === undefined || entry.expiresAt > now()) return entry;
    entries.delete(key);
    return undefined;
  };

  /** Throws OOM when `count` new keys would not fit; a script asks before its first write, so that it does all or nothing. */
  const makeRoom = (count: number): void => {
    if (entries.size + count > keysMax) throw new RedisError("OOM command not allowed when used memory > 'maxmemory'.");
  };

  /** The value when the key is live; WRONGTYPE when it is of another kind. */
  const read = <K extends Kind>(key: string, kind: K): Kinds[K] | undefined => {
    const entry = live(key);
    if (entry === undefined) return undefined;
    if (entry.kind !== kind) throw new RedisError("WRONGTYPE Operation against a key holding the wrong kind of value");
    return entry.value as Kinds[K];
  };

  /** Sets a key whatever it held. */
  const write = <K extends Kind>(key: string, kind: K, value: Kinds[K], expiresAt = NEVER): void => {
    if (live(key) === undefined) makeRoom(1);
    entries.set(key, { kind, value, expiresAt } as EntryOf<K>);
  };

  /** The collection under a key, made when missing. */
  const readOrMake = <K extends Exclude<Kind, "string">>(key: string, kind: K, make: () => Kinds[K]): Kinds[K] => {
    const found = read(key, kind);
    if (found !== undefined) return found;
    const made = make();
    write(key, kind, made);
    return made;
  };

  const expiryOf = (key: string): number | undefined => live(key)?.expiresAt;

  /** Sets when a live key ends (milliseconds of the clock, or NEVER). False when there is no such key. */
  const expireAt = (key: string, at: number): boolean => {
    const entry = live(key);
    if (entry === undefined) return false;
    entry.expiresAt = at;
    return true;
  };

  let sweeper = entries.entries();
  /** Frees up to `steps` keys' worth of what has expired unread; called by a timer. */
  const sweep = (steps: number): void => {
    const at = now();
    for (let step = 0; step < steps; step++) {
      const next = sweeper.next();
      if (next.done) {
        sweeper = entries.entries();
        return;
      }
      const [key, entry] = next.value;
      if (entry.expiresAt <= at) entries.delete(key);
    }
  };

  return {
    now,
    read,
    write,
    readOrMake,
    makeRoom,
    expiryOf,
    expireAt,
    sweep,
    kindOf: (key: string): Kind | undefined => live(key)?.kind,
    /** True when a live key was there. */
    remove: (key: string): boolean => live(key) !== undefined && entries.delete(key),
    clear: (): void => entries.clear(),
    size: (): number => entries.size,
    /** Walks every key; a key that is there from start to end is met, as SCAN promises. */
    keys: (): IterableIterator<string> => entries.keys(),
  };
}
