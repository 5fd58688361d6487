import { float, integer, options, pairs, showFloat, slice } from "../arguments.ts";
import type { Keyspace } from "../keyspace.ts";
import { RedisError, type Reply, syntaxError } from "../reply.ts";
import { createSortedSet, type Scored } from "../sorted-set.ts";
import { at, type CommandTable } from "./command.ts";

const read = (space: Keyspace, key: string) => space.read(key, "zset");

export const sortedSets: CommandTable = {
  ZADD: { arity: -4, run: zadd },
  ZINCRBY: { arity: 4, run: zincrby },
  ZREM: { arity: -3, run: (space, [key = "", ...members]) => remove(space, key, members) },
  ZSCORE: { arity: 3, run: zscore },
  ZCARD: { arity: 2, run: (space, [key = ""]) => read(space, key)?.size() ?? 0 },
  ZCOUNT: { arity: 4, run: (space, [key = "", min, max]) => between(space, key, min, max).length },
  ZRANGE: { arity: -4, run: zrange },
  ZRANGEBYSCORE: { arity: -4, run: (space, args) => zrange(space, [...args.slice(0, 3), "BYSCORE", ...args.slice(3)]) },
  ZREMRANGEBYSCORE: { arity: 4, run: zremrangebyscore },
};

/** Of the options NX, XX and CH. */
function zadd(space: Keyspace, [key = "", ...rest]: string[]): Reply {
  const isFlag = (word: string) => ["NX", "XX", "CH"].includes(word.toUpperCase());
  const first = rest.findIndex((word) => !isFlag(word));
  const flags = new Set(rest.slice(0, first).map((word) => word.toUpperCase()));
  if (flags.has("NX") && flags.has("XX"))
    throw new RedisError("ERR XX and NX options at the same time are not compatible");
  const scored = pairs(rest.slice(first), syntaxError).map(([score, member]) => ({ score: float(score), member }));
  let [added, changed] = [0, 0];
  for (const { member, score } of scored) {
    const before = read(space, key)?.get(member);
    if (before === undefined ? flags.has("XX") : flags.has("NX")) continue;
    space.readOrMake(key, "zset", createSortedSet).set(member, score);
    if (before === undefined) added++;
    else if (before !== score) changed++;
  }
  return flags.has("CH") ? added + changed : added;
}

function zincrby(space: Keyspace, [key = "", by, member = ""]: string[]): Reply {
  const step = float(by);
  const set = space.readOrMake(key, "zset", createSortedSet);
  const sum = (set.get(member) ?? 0) + step;
  set.set(member, sum);
  return showFloat(sum);
}

function zscore(space: Keyspace, [key = "", member = ""]: string[]): Reply {
  const score = read(space, key)?.get(member);
  return score === undefined ? null : showFloat(score);
}

/** By index, or by score with BYSCORE; with REV from the highest (its bounds then read max, min). */
function zrange(space: Keyspace, args: string[]): Reply {
  const flags = new Set<string>();
  let limit: [offset: number, count: number] | undefined;
  options(args.slice(3), (word, next) => {
    if (word === "LIMIT") limit = [integer(next()), integer(next())];
    else if (["BYSCORE", "REV", "WITHSCORES"].includes(word)) flags.add(word);
    else return false;
    return true;
  });
  if (limit !== undefined && !flags.has("BYSCORE"))
    throw new RedisError("ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX");
  const [key, start, stop] = [at(args, 0), at(args, 1), at(args, 2)];
  const inOrder = (scored: readonly Scored[]) => (flags.has("REV") ? scored.toReversed() : scored);
  const found = flags.has("BYSCORE")
    ? inOrder(flags.has("REV") ? between(space, key, stop, start) : between(space, key, start, stop))
    : byIndex(inOrder(read(space, key)?.inOrder() ?? []), integer(start), integer(stop));
  const [offset, count] = limit ?? [0, -1];
  const page = found.slice(offset, count < 0 ? undefined : offset + count);
  return page.flatMap(({ member, score }) => (flags.has("WITHSCORES") ? [member, showFloat(score)] : [member]));
}

const byIndex = (scored: readonly Scored[], start: number, stop: number): readonly Scored[] =>
  scored.slice(...slice(scored.length, start, stop));

function zremrangebyscore(space: Keyspace, [key = "", min, max]: string[]): Reply {
  return remove(
    space,
    key,
    between(space, key, min, max).map(({ member }) => member),
  );
}

function remove(space: Keyspace, key: string, members: readonly string[]): number {
  const set = read(space, key);
  const gone = members.filter((member) => set?.delete(member)).length;
  if (set?.size() === 0) space.remove(key);
  return gone;
}

/** The members whose score lies between two bounds; `(` in front of a bound leaves the bound itself out. */
function between(space: Keyspace, key: string, min = "", max = ""): Scored[] {
  const [low, high] = [bound(min), bound(max)];
  const fits = ({ score }: Scored) =>
    (low.open ? score > low.value : score >= low.value) && (high.open ? score < high.value : score <= high.value);
  return (read(space, key)?.inOrder() ?? []).filter(fits);
}

const bound = (text: string): { open: boolean; value: number } => {
  const open = text.startsWith("(");
  return { open, value: float(open ? text.slice(1) : text, "ERR min or max is not a float") };
};
