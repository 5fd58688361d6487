import { createChannels } from "./channels.ts";
import { createCommands } from "./commands.ts";
import { createKeyspace } from "./keyspace.ts";
import { type Answer, type Backend, RedisError } from "./reply.ts";

/** How often expired keys are looked for, and how many keys one look passes: 2 million in under two minutes. */
const SWEEP_EVERY_MS = 250;
const SWEEP_STEPS = 5_000;

/** Redis in memory. Each call runs whole before the next, so a pipeline is as atomic as a transaction. */
export function createMemory({ now, keysMax }: { now: () => number; keysMax: number }): Backend {
  const channels = createChannels();
  const find = createCommands(channels);
  const space = createKeyspace({ now, keysMax });
  const sweeper = setInterval(() => space.sweep(SWEEP_STEPS), SWEEP_EVERY_MS);

  const answer = (words: string[]): Answer => {
    try {
      return { result: find(words).run(space, words.slice(1)) };
    } catch (error) {
      if (error instanceof RedisError) return { error: error.message };
      throw error;
    }
  };

  return {
    run: (commands, atomic) => {
      if (atomic) assertWellFormed(find, commands);
      return commands.map(answer);
    },
    subscribe: async (names, { onMessage }) => channels.subscribe(names, onMessage),
    stop: async () => clearInterval(sweeper),
  };
}

/** MULTI refuses the whole when one command is unknown or has a wrong count of words; nothing has run by then. */
function assertWellFormed(find: (words: string[]) => unknown, commands: readonly string[][]): void {
  try {
    for (const words of commands) find(words);
  } catch (error) {
    if (!(error instanceof RedisError)) throw error;
    throw new RedisError("EXECABORT Transaction discarded because of previous errors.");
  }
}
