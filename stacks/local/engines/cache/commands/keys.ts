import { integer, options } from "../arguments.ts";
import { globTest } from "../glob.ts";
import { type Keyspace, NEVER } from "../keyspace.ts";
import { RedisError, type Reply } from "../reply.ts";
import { at, type CommandTable } from "./command.ts";

const count = (keys: string[], test: (key: string) => boolean): number => keys.filter(test).length;

/** Commands on keys of any type. */
export function keyCommands(): CommandTable {
  const scan = createScan();
  return {
    DEL: { arity: -2, run: (space, keys) => count(keys, space.remove) },
    UNLINK: { arity: -2, run: (space, keys) => count(keys, space.remove) },
    EXISTS: { arity: -2, run: (space, keys) => count(keys, (key) => space.kindOf(key) !== undefined) },
    TYPE: { arity: 2, run: (space, [key = ""]) => space.kindOf(key) ?? "none" },
    EXPIRE: { arity: 3, run: (space, [key = "", seconds]) => expire(space, key, integer(seconds) * 1_000) },
    PEXPIRE: { arity: 3, run: (space, [key = "", milliseconds]) => expire(space, key, integer(milliseconds)) },
    PERSIST: { arity: 2, run: persist },
    TTL: { arity: 2, run: (space, [key = ""]) => remaining(space, key, 1_000) },
    PTTL: { arity: 2, run: (space, [key = ""]) => remaining(space, key, 1) },
    KEYS: { arity: 2, run: (space, [pattern = ""]) => liveKeys(space, globTest(pattern)) },
    SCAN: { arity: -2, run: scan },
  };
}

/** A time that has passed deletes the key at once, as in Redis. */
function expire(space: Keyspace, key: string, milliseconds: number): Reply {
  return Number(space.expireAt(key, space.now() + milliseconds));
}

function persist(space: Keyspace, [key = ""]: string[]): Reply {
  const expires = space.expiryOf(key);
  return Number(expires !== undefined && expires !== NEVER && space.expireAt(key, NEVER));
}

/** -2 without the key, -1 without an expiry, else what is left in units of `unitMs`, rounded. */
function remaining(space: Keyspace, key: string, unitMs: number): Reply {
  const expires = space.expiryOf(key);
  if (expires === undefined) return -2;
  return expires === NEVER ? -1 : Math.round((expires - space.now()) / unitMs);
}

function liveKeys(space: Keyspace, test: (key: string) => boolean): string[] {
  return [...space.keys()].filter((key) => test(key) && space.kindOf(key) !== undefined);
}

/** Walks that clients have open; the oldest is forgotten when there are more. */
const WALKS_MAX = 100;

/** SCAN keeps each walk open under its cursor; an unknown cursor is an error, never a silent end. */
function createScan() {
  const walks = new Map<string, Iterator<string>>();
  let lastCursor = 0;
  return (space: Keyspace, args: string[]): Reply => {
    let [steps, test, kind] = [10, globTest("*"), ""];
    options(args.slice(1), (word, next) => {
      if (word === "COUNT") steps = integer(next());
      else if (word === "MATCH") test = globTest(next());
      else if (word === "TYPE") kind = next().toLowerCase();
      else return false;
      return true;
    });
    const cursor = at(args, 0);
    const walk = cursor === "0" ? space.keys() : walks.get(cursor);
    if (walk === undefined) throw new RedisError("ERR invalid cursor");
    walks.delete(cursor);
    const found: string[] = [];
    for (let step = 0; step < steps; step++) {
      const next = walk.next();
      if (next.done) return ["0", found];
      const is = space.kindOf(next.value);
      if (is !== undefined && (kind === "" || kind === is) && test(next.value)) found.push(next.value);
    }
    lastCursor++;
    walks.set(String(lastCursor), walk);
    for (const [oldest] of walks) if (walks.size > WALKS_MAX) walks.delete(oldest);
    return [String(lastCursor), found];
  };
}
