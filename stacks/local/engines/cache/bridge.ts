import { Redis } from "ioredis";
import { messageOf } from "../../../../functions/kit/errors.ts";
import { createChannels } from "./channels.ts";
import { createCommands } from "./commands.ts";
import { type Answer, type Backend, RedisError, type Reply } from "./reply.ts";

/**
 * Hands commands to a real Redis, where scripts run as Lua. It takes the commands that the twin has and no others, so
 * that code which runs with one runs with the other, and none can block or switch the one connection that all share.
 * Throws when Redis cannot be reached at the start; later it reconnects by itself, and `run` meanwhile throws at once.
 */
export async function createBridge(redisUrl: string): Promise<Backend> {
  const find = createCommands(createChannels());
  const redis = new Redis(redisUrl, {
    protocol: 2,
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => Math.min(attempt * 100, 1_000),
  });
  let problem = "";
  redis.on("error", (error) => {
    problem = messageOf(error);
  });
  try {
    await redis.connect();
  } catch (error) {
    redis.disconnect();
    const { host } = new URL(redisUrl);
    throw new Error(`REDIS_URL: no Redis answers at ${host} (${problem || messageOf(error)})`, { cause: error });
  }

  const send = async (commands: readonly string[][], atomic: boolean): Promise<Answer[]> => {
    if (redis.status !== "ready") throw new Error(`Redis is away: ${problem || redis.status}`);
    const batch = atomic ? redis.multi() : redis.pipeline();
    // Upper case: ioredis reshapes the replies of some commands by their lower-case names, and REST answers them flat.
    for (const [name = "", ...args] of commands) batch.call(name.toUpperCase(), ...args);
    const answers = await batch.exec();
    return (answers ?? []).map(([error, result]) => (error ? { error: error.message } : { result: result as Reply }));
  };

  return {
    run: async (commands, atomic) => {
      const refused = commands.map((words) => refusal(find, words));
      if (atomic && refused.some((error) => error !== undefined))
        throw new RedisError("EXECABORT Transaction discarded because of previous errors.");
      const sent = commands.filter((_, index) => refused[index] === undefined);
      const answers = sent.length === 0 ? [] : await send(sent, atomic);
      return refused.map((error) => error ?? answers.shift() ?? { error: "ERR Redis did not answer" });
    },
    subscribe: async (channels, { onMessage, onEnd }) => {
      // A connection of its own that is not made again: after a gap the caller must know that it missed something.
      const line = redis.duplicate({ retryStrategy: () => null });
      line.on("error", () => {});
      line.on("message", onMessage);
      line.on("end", onEnd);
      await line.connect();
      await line.subscribe(...channels);
      return () => line.disconnect();
    },
    stop: async () => {
      await redis.quit().catch(() => redis.disconnect());
    },
  };
}

function refusal(find: (words: readonly string[]) => unknown, words: readonly string[]): { error: string } | undefined {
  try {
    find(words);
    return undefined;
  } catch (error) {
    if (error instanceof RedisError) return { error: error.message };
    throw error;
  }
}
