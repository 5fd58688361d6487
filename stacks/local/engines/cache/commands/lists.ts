import { integer, slice } from "../arguments.ts";
import type { Keyspace } from "../keyspace.ts";
import { RedisError, type Reply } from "../reply.ts";
import type { CommandTable } from "./command.ts";

export const lists: CommandTable = {
  LPUSH: {
    arity: -3,
    run: (space, [key = "", ...values]) => push(space, key, (list) => list.unshift(...values.reverse())),
  },
  RPUSH: { arity: -3, run: (space, [key = "", ...values]) => push(space, key, (list) => list.push(...values)) },
  LPOP: { arity: -2, run: (space, args) => pop(space, args, (list, count) => list.splice(0, count)) },
  RPOP: { arity: -2, run: (space, args) => pop(space, args, (list, count) => list.splice(-count, count).reverse()) },
  LLEN: { arity: 2, run: (space, [key = ""]) => space.read(key, "list")?.length ?? 0 },
  LRANGE: { arity: 4, run: lrange },
  LTRIM: { arity: 4, run: ltrim },
};

const push = (space: Keyspace, key: string, add: (list: string[]) => number): Reply =>
  add(space.readOrMake(key, "list", () => []));

/** Without a count one value or nil; with a count a list, or nil when the key is missing. */
function pop(space: Keyspace, [key = "", count]: string[], take: (list: string[], count: number) => string[]): Reply {
  const many = count === undefined ? 1 : integer(count);
  if (many < 0) throw new RedisError("ERR value is out of range, must be positive");
  const list = space.read(key, "list");
  if (list === undefined) return null;
  const taken = many === 0 ? [] : take(list, Math.min(many, list.length));
  if (list.length === 0) space.remove(key);
  return count === undefined ? (taken[0] ?? null) : taken;
}

function lrange(space: Keyspace, [key = "", start, stop]: string[]): Reply {
  const [from, to] = [integer(start), integer(stop)];
  const list = space.read(key, "list") ?? [];
  return list.slice(...slice(list.length, from, to));
}

function ltrim(space: Keyspace, [key = "", start, stop]: string[]): Reply {
  const [first, last] = [integer(start), integer(stop)];
  const list = space.read(key, "list");
  if (list === undefined) return "OK";
  const [from, to] = slice(list.length, first, last);
  list.splice(Math.max(from, to));
  list.splice(0, from);
  if (list.length === 0) space.remove(key);
  return "OK";
}
