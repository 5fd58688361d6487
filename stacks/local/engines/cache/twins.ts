import { ADMIT, SETTLE } from "../../../../functions/stores/redis/scripts.ts";
import type { Keyspace } from "./keyspace.ts";
import type { Reply } from "./reply.ts";
import { newStream, nextId, trim } from "./stream.ts";
import { admit } from "./twin-of-admit.ts";

/** What a Lua script does, in JavaScript: atomic, since nothing else runs meanwhile. */
export type Twin = (space: Keyspace, keys: readonly string[], args: readonly string[]) => Reply;

/** The twin of each script, by the SHA-1 of its Lua text: a changed text has no twin until its twin is changed too. */
export const TWINS: ReadonlyMap<string, Twin> = new Map([
  [ADMIT.sha1, admit],
  [SETTLE.sha1, settle],
]);

const LIVE_ENTRIES_MAX = 1_000;
const LIVE_MS = 604_800_000;
const COUNTS_MS = 3_456_000_000;

function settle(space: Keyspace, [live = "", counts = ""]: readonly string[], args: readonly string[]): Reply {
  const [prefix = "", request = "", seconds, confirmed, released, entry = "", ...rest] = args;
  const confirm = rest.slice(0, Number(confirmed));
  const release = rest.slice(confirm.length, confirm.length + Number(released));
  const counters = rest.slice(confirm.length + release.length);
  space.makeRoom(confirm.length + Number(entry !== "") + Number(counters.length > 0));
  const expiresAt = space.now() + Number(seconds) * 1_000;
  for (const id of confirm) space.write(prefix + id, "string", "c", expiresAt);
  const own = release.filter((id) => space.read(prefix + id, "string") === `p:${request}`);
  const freed = own.filter((id) => space.remove(prefix + id)).length;
  if (entry !== "") note(space, live, entry);
  if (counters.length > 0) count(space, counts, counters);
  return freed;
}

function note(space: Keyspace, key: string, entry: string): void {
  const stream = space.readOrMake(key, "stream", newStream);
  stream.last = nextId(stream, space.now());
  stream.entries.push({ id: stream.last, fields: ["e", entry] });
  trim(stream, LIVE_ENTRIES_MAX);
  space.expireAt(key, space.now() + LIVE_MS);
}

function count(space: Keyspace, key: string, counters: readonly string[]): void {
  const hash = space.readOrMake(key, "hash", () => new Map());
  let begun = false;
  for (let at = 0; at < counters.length; at += 2) {
    const [name = "", by] = counters.slice(at, at + 2);
    begun ||= !hash.has(name);
    hash.set(name, String(Number(hash.get(name) ?? 0) + Number(by)));
  }
  if (begun) space.expireAt(key, space.now() + COUNTS_MS);
}
