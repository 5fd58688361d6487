import type { Channels } from "./channels.ts";
import type { Command } from "./commands/command.ts";
import { connection } from "./commands/connection.ts";
import { hashes } from "./commands/hashes.ts";
import { keyCommands } from "./commands/keys.ts";
import { lists } from "./commands/lists.ts";
import { scriptCommands } from "./commands/scripts.ts";
import { sets } from "./commands/sets.ts";
import { sortedSets } from "./commands/sorted-sets.ts";
import { streams } from "./commands/streams.ts";
import { strings } from "./commands/strings.ts";
import { RedisError, wrongArgumentCount } from "./reply.ts";

export type FindCommand = (words: readonly string[]) => Command;

/** Every command that the local cache has, twin or bridge; throws Redis' error for another, or for a wrong count of words. */
export function createCommands(channels: Channels): FindCommand {
  const table = new Map(
    Object.entries({
      ...connection(channels),
      ...keyCommands(),
      ...strings,
      ...hashes,
      ...sets,
      ...lists,
      ...sortedSets,
      ...streams,
      ...scriptCommands(),
    }),
  );
  return ([name = "", ...args]) => {
    const command = table.get(name.toUpperCase());
    if (command === undefined) {
      const beginning = args
        .map((arg) => `'${arg.slice(0, 128)}' `)
        .join("")
        .slice(0, 128);
      throw new RedisError(`ERR unknown command '${name.slice(0, 128)}', with args beginning with: ${beginning}`);
    }
    const { arity } = command;
    const words = args.length + 1;
    if (arity < 0 ? words < -arity : words !== arity) throw wrongArgumentCount(name);
    return command;
  };
}
