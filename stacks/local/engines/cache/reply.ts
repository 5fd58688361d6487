/** What a command answers, in the shapes that JSON and RESP share. */
export type Reply = string | number | null | Reply[];

/** What became of one command of a pipeline, as the REST protocol words it. */
export type Answer = { result: Reply } | { error: string };

/** What runs commands behind the REST door: the twin in memory, or a bridge to a real Redis. */
export type Backend = {
  /** One answer per command, in order; an error is that command's own. `atomic` runs all or, when one is malformed, throws and runs none. */
  run: (commands: readonly string[][], atomic: boolean) => Answer[] | Promise<Answer[]>;
  /**
   * Hears channels until the returned function is called, or `onEnd` says that they can't be heard any more. Resolves
   * when nothing said from then on is missed.
   */
  subscribe: (channels: readonly string[], hear: Hearing) => Promise<() => void>;
  stop: () => Promise<void>;
};
export type Hearing = { onMessage: (channel: string, message: string) => void; onEnd: () => void };

/** An answer of Redis that is an error: its text is the protocol ("WRONGTYPE …", "ERR …"). */
export class RedisError extends Error {
  override readonly name = "RedisError";
}

export const syntaxError = (): RedisError => new RedisError("ERR syntax error");
export const notAnInteger = (): RedisError => new RedisError("ERR value is not an integer or out of range");
export const wrongArgumentCount = (command: string): RedisError =>
  new RedisError(`ERR wrong number of arguments for '${command.toLowerCase()}' command`);
