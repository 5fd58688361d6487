import { integer, options } from "../arguments.ts";
import type { Keyspace } from "../keyspace.ts";
import { RedisError, type Reply, syntaxError, wrongArgumentCount } from "../reply.ts";
import {
  compareIds,
  HIGHEST,
  LOWEST,
  newStream,
  nextId,
  parseId,
  type Stream,
  type StreamEntry,
  type StreamId,
  showId,
  trim,
} from "../stream.ts";
import { at, type CommandTable } from "./command.ts";

export const streams: CommandTable = {
  XADD: { arity: -5, run: xadd },
  XTRIM: { arity: -4, run: xtrim },
  XLEN: { arity: 2, run: (space, [key = ""]) => space.read(key, "stream")?.entries.length ?? 0 },
  XRANGE: {
    arity: -4,
    run: (space, [key = "", from, to, ...rest]) => xrange(space, key, from, to, rest, (all) => all),
  },
  XREVRANGE: {
    arity: -4,
    run: (space, [key = "", to, from, ...rest]) => xrange(space, key, from, to, rest, (all) => all.toReversed()),
  },
  XREAD: { arity: -4, run: xread },
};

/** Appends, and keeps the newest MAXLEN entries; `~` allows to keep more, here it never does. */
function xadd(space: Keyspace, [key = "", ...rest]: string[]): Reply {
  let lengthMax: number | undefined;
  let make = true;
  let from = 0;
  for (; from < rest.length; from++) {
    const word = at(rest, from).toUpperCase();
    if (word === "NOMKSTREAM") make = false;
    else if (word === "MAXLEN") {
      [lengthMax, from] = maxLength(rest, from + 1);
    } else break;
  }
  const [id, ...fields] = rest.slice(from);
  if (fields.length === 0 || fields.length % 2 !== 0) throw wrongArgumentCount("xadd");
  const found = space.read(key, "stream");
  if (found === undefined && !make) return null;
  const added = idFor(found ?? newStream(), at([id ?? ""], 0), space.now());
  const stream = found ?? space.readOrMake(key, "stream", newStream);
  stream.entries.push({ id: added, fields });
  stream.last = added;
  if (lengthMax !== undefined) trim(stream, lengthMax);
  return showId(added);
}

/** Reads `[~|=] count [LIMIT n]` at `from`: the count, and the place of its last word. */
function maxLength(words: string[], from: number): [lengthMax: number, last: number] {
  const place = ["~", "="].includes(at(words, from)) ? from + 1 : from;
  const lengthMax = integer(words[place]);
  if (lengthMax < 0) throw new RedisError("ERR The MAXLEN argument must be >= 0.");
  return [lengthMax, at(words, place + 1).toUpperCase() === "LIMIT" ? place + 2 : place];
}

function idFor(stream: Stream, text: string, now: number): StreamId {
  if (text === "*") return nextId(stream, now);
  const id = parseId(text, 0);
  if (compareIds(id, LOWEST) === 0) throw new RedisError("ERR The ID specified in XADD must be greater than 0-0");
  if (compareIds(id, stream.last) <= 0)
    throw new RedisError("ERR The ID specified in XADD is equal or smaller than the target stream top item");
  return id;
}

function xtrim(space: Keyspace, [key = "", strategy = "", ...rest]: string[]): Reply {
  if (strategy.toUpperCase() !== "MAXLEN") throw syntaxError();
  const [lengthMax] = maxLength(rest, 0);
  const stream = space.read(key, "stream");
  return stream === undefined ? 0 : trim(stream, lengthMax);
}

type Order = (entries: StreamEntry[]) => StreamEntry[];

function xrange(space: Keyspace, key: string, from = "", to = "", rest: string[] = [], order: Order): Reply {
  let count = Number.POSITIVE_INFINITY;
  options(rest, (word, next) => {
    if (word === "COUNT") count = integer(next());
    return word === "COUNT";
  });
  const [low, high] = [lowerBound(from), upperBound(to)];
  const within = (space.read(key, "stream")?.entries ?? []).filter(({ id }) => low(id) && high(id));
  return order(within).slice(0, Math.max(0, count)).map(show);
}

/** `(id` leaves the id itself out; `-` and `+` are the ends of every stream. */
function lowerBound(text: string): (id: StreamId) => boolean {
  const bound = text === "-" ? LOWEST : parseId(text.replace(/^\(/, ""), 0);
  return text.startsWith("(") ? (id) => compareIds(id, bound) > 0 : (id) => compareIds(id, bound) >= 0;
}

function upperBound(text: string): (id: StreamId) => boolean {
  const bound = text === "+" ? HIGHEST : parseId(text.replace(/^\(/, ""), Number.MAX_SAFE_INTEGER);
  return text.startsWith("(") ? (id) => compareIds(id, bound) < 0 : (id) => compareIds(id, bound) <= 0;
}

/** What is newer than the given ids, never waiting: nil when there is nothing. */
function xread(space: Keyspace, args: string[]): Reply {
  const split = args.findIndex((word) => word.toUpperCase() === "STREAMS");
  if (split < 0) throw syntaxError();
  let count = Number.POSITIVE_INFINITY;
  options(args.slice(0, split), (word, next) => {
    if (word === "BLOCK") throw new RedisError("ERR XREAD cannot wait here: leave BLOCK out");
    if (word === "COUNT") count = integer(next());
    return word === "COUNT";
  });
  const named = args.slice(split + 1);
  if (named.length === 0 || named.length % 2 !== 0)
    throw new RedisError(
      "ERR Unbalanced 'xread' list of streams: for each stream key an ID, '+', or '$' must be specified.",
    );
  const keys = named.slice(0, named.length / 2);
  const found = keys.flatMap((key, index): Reply[] => {
    const stream = space.read(key, "stream");
    const text = at(named, keys.length + index);
    if (stream === undefined || text === "$") return [];
    const after = parseId(text, 0);
    const newer = stream.entries.filter(({ id }) => compareIds(id, after) > 0).slice(0, count);
    return newer.length === 0 ? [] : [[key, newer.map(show)]];
  });
  return found.length === 0 ? null : found;
}

const show = ({ id, fields }: StreamEntry): Reply => [showId(id), fields];
