import { integer, options, pairs } from "../arguments.ts";
import { type Keyspace, NEVER } from "../keyspace.ts";
import { notAnInteger, RedisError, type Reply, syntaxError, wrongArgumentCount } from "../reply.ts";
import { at, type CommandTable } from "./command.ts";

export const strings: CommandTable = {
  GET: { arity: 2, run: (space, [key = ""]) => space.read(key, "string") ?? null },
  SET: { arity: -3, run: set },
  SETEX: { arity: 4, run: (space, [key = "", seconds, value = ""]) => set(space, [key, value, "EX", seconds ?? ""]) },
  GETDEL: { arity: 2, run: getDel },
  MGET: { arity: -2, run: (space, keys) => keys.map((key) => stringOrNull(space, key)) },
  MSET: { arity: -3, run: mset },
  STRLEN: { arity: 2, run: (space, [key = ""]) => Buffer.byteLength(space.read(key, "string") ?? "") },
  INCR: { arity: 2, run: (space, [key = ""]) => increment(space, key, 1) },
  DECR: { arity: 2, run: (space, [key = ""]) => increment(space, key, -1) },
  INCRBY: { arity: 3, run: (space, [key = "", by]) => increment(space, key, integer(by)) },
  DECRBY: { arity: 3, run: (space, [key = "", by]) => increment(space, key, -integer(by)) },
};

/** Of the options NX, XX, GET, KEEPTTL, EX, PX, EXAT and PXAT. */
function set(space: Keyspace, args: string[]): Reply {
  const [key, value] = [at(args, 0), at(args, 1)];
  const flags = new Set<string>();
  let expiresAt: number | undefined;
  options(args.slice(2), (word, next) => {
    const expiry = EXPIRIES[word];
    if (expiry !== undefined) {
      if (expiresAt !== undefined || flags.has("KEEPTTL")) return false;
      const amount = integer(next());
      if (amount <= 0) throw new RedisError("ERR invalid expire time in 'set' command");
      expiresAt = expiry(amount, space.now());
      return true;
    }
    if (!["NX", "XX", "GET", "KEEPTTL"].includes(word)) return false;
    flags.add(word);
    return true;
  });
  if ((flags.has("NX") && flags.has("XX")) || (flags.has("KEEPTTL") && expiresAt !== undefined)) throw syntaxError();
  const before = flags.has("GET") ? (space.read(key, "string") ?? null) : null;
  const exists = space.kindOf(key) !== undefined;
  if ((flags.has("NX") && exists) || (flags.has("XX") && !exists)) return before;
  const kept = flags.has("KEEPTTL") ? space.expiryOf(key) : undefined;
  space.write(key, "string", value, expiresAt ?? kept ?? NEVER);
  return flags.has("GET") ? before : "OK";
}

const EXPIRIES: Record<string, (amount: number, now: number) => number> = {
  EX: (seconds, now) => now + seconds * 1_000,
  PX: (milliseconds, now) => now + milliseconds,
  EXAT: (seconds) => seconds * 1_000,
  PXAT: (milliseconds) => milliseconds,
};

function getDel(space: Keyspace, [key = ""]: string[]): Reply {
  const value = space.read(key, "string") ?? null;
  space.remove(key);
  return value;
}

/** MGET's reading: a key of another type is nil and no error. */
const stringOrNull = (space: Keyspace, key: string): Reply =>
  space.kindOf(key) === "string" ? (space.read(key, "string") ?? null) : null;

function mset(space: Keyspace, args: string[]): Reply {
  const entries = pairs(args, () => wrongArgumentCount("mset"));
  space.makeRoom(entries.filter(([key]) => space.kindOf(key) === undefined).length);
  for (const [key, value] of entries) space.write(key, "string", value);
  return "OK";
}

function increment(space: Keyspace, key: string, by: number): Reply {
  const sum = integer(space.read(key, "string") ?? "0") + by;
  if (!Number.isSafeInteger(sum)) throw notAnInteger();
  space.write(key, "string", String(sum), space.expiryOf(key));
  return sum;
}
