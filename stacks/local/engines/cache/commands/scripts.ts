import { createHash } from "node:crypto";
import { integer } from "../arguments.ts";
import type { Keyspace } from "../keyspace.ts";
import { RedisError, type Reply } from "../reply.ts";
import { TWINS } from "../twins.ts";
import { at, type CommandTable } from "./command.ts";

/** EVAL, EVALSHA and SCRIPT for the scripts that have a twin; any other needs a real Redis, and says so. */
export function scriptCommands(): CommandTable {
  /** As in Redis: a script is known by its SHA-1 once it was loaded or evaluated, else EVALSHA answers NOSCRIPT. */
  const loaded = new Set<string>();

  const load = (text: string): string => {
    const sha1 = createHash("sha1").update(text).digest("hex");
    if (!TWINS.has(sha1))
      throw new RedisError(
        "ERR this cache runs only Millrace's own scripts: set REDIS_URL to put a real Redis behind it",
      );
    loaded.add(sha1);
    return sha1;
  };

  const run = (space: Keyspace, sha1: string, [keyCount, ...rest]: string[]): Reply => {
    const twin = loaded.has(sha1) ? TWINS.get(sha1) : undefined;
    if (twin === undefined) throw new RedisError("NOSCRIPT No matching script. Please use EVAL.");
    const keys = integer(keyCount);
    if (keys < 0) throw new RedisError("ERR Number of keys can't be negative");
    if (keys > rest.length) throw new RedisError("ERR Number of keys can't be greater than number of args");
    return twin(space, rest.slice(0, keys), rest.slice(keys));
  };

  const script = (_: Keyspace, [verb = "", ...args]: string[]): Reply => {
    switch (verb.toUpperCase()) {
      case "LOAD":
        return load(at(args, 0));
      case "EXISTS":
        return args.map((sha1) => Number(loaded.has(sha1.toLowerCase())));
      case "FLUSH":
        loaded.clear();
        return "OK";
      default:
        throw new RedisError(`ERR unknown subcommand '${verb}'. Try SCRIPT HELP.`);
    }
  };

  return {
    EVAL: { arity: -3, run: (space, [text = "", ...args]) => run(space, load(text), args) },
    EVALSHA: { arity: -3, run: (space, [sha1 = "", ...args]) => run(space, sha1.toLowerCase(), args) },
    SCRIPT: { arity: -2, run: script },
  };
}
