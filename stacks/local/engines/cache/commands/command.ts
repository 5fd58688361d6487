import type { Keyspace } from "../keyspace.ts";
import type { Reply } from "../reply.ts";

/** One command: `args` come without its name. `arity` is Redis': the words with the name, or at least so many when negative. */
export type Command = { arity: number; run: (space: Keyspace, args: string[]) => Reply };
export type CommandTable = Record<string, Command>;

/** An argument whose presence the arity has already proved. */
export const at = (args: readonly string[], index: number): string => args[index] ?? "";
