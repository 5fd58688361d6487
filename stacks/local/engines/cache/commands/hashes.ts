import { integer, pairs } from "../arguments.ts";
import type { Keyspace } from "../keyspace.ts";
import { RedisError, type Reply, wrongArgumentCount } from "../reply.ts";
import type { CommandTable } from "./command.ts";

const read = (space: Keyspace, key: string) => space.read(key, "hash");

export const hashes: CommandTable = {
  HSET: { arity: -4, run: hset },
  HGET: { arity: 3, run: (space, [key = "", field = ""]) => read(space, key)?.get(field) ?? null },
  HMGET: { arity: -3, run: hmget },
  HGETALL: { arity: 2, run: (space, [key = ""]) => [...(read(space, key) ?? [])].flat() },
  HDEL: { arity: -3, run: hdel },
  HEXISTS: { arity: 3, run: (space, [key = "", field = ""]) => Number(read(space, key)?.has(field) ?? false) },
  HLEN: { arity: 2, run: (space, [key = ""]) => read(space, key)?.size ?? 0 },
  HKEYS: { arity: 2, run: (space, [key = ""]) => [...(read(space, key)?.keys() ?? [])] },
  HVALS: { arity: 2, run: (space, [key = ""]) => [...(read(space, key)?.values() ?? [])] },
  HINCRBY: { arity: 4, run: hincrby },
};

function hset(space: Keyspace, [key = "", ...fields]: string[]): Reply {
  const entries = pairs(fields, () => wrongArgumentCount("hset"));
  const hash = space.readOrMake(key, "hash", () => new Map());
  const before = hash.size;
  for (const [field, value] of entries) hash.set(field, value);
  return hash.size - before;
}

function hmget(space: Keyspace, [key = "", ...fields]: string[]): Reply {
  const hash = read(space, key);
  return fields.map((field) => hash?.get(field) ?? null);
}

function hdel(space: Keyspace, [key = "", ...fields]: string[]): Reply {
  const hash = read(space, key);
  const gone = fields.filter((field) => hash?.delete(field)).length;
  if (hash?.size === 0) space.remove(key);
  return gone;
}

function hincrby(space: Keyspace, [key = "", field = "", by]: string[]): Reply {
  const step = integer(by);
  const before = Number(read(space, key)?.get(field) ?? 0);
  if (!Number.isSafeInteger(before)) throw new RedisError("ERR hash value is not an integer");
  if (!Number.isSafeInteger(before + step)) throw new RedisError("ERR increment or decrement would overflow");
  space.readOrMake(key, "hash", () => new Map()).set(field, String(before + step));
  return before + step;
}
