import type { Pipeline, Redis } from "@upstash/redis";
import { messageOf } from "../../kit/errors.ts";

/** One caller's commands, which stay together and in order; `characters` is about what they weigh. */
export type Commands = { characters: number; add: (pipeline: Pipeline) => void };

/** Runs the commands and resolves with a result for each. Rejects with CommandError or RedisAwayError. */
export type Grouped = (commands: Commands) => Promise<unknown[]>;

/** Redis refused one of the caller's own commands. `code` is the answer's first word: ERR, NOSCRIPT, WRONGTYPE, OOM … */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly code: string;

  constructor(message: string) {
    super(message);
    this.code = message.split(" ", 1)[0] ?? "";
  }
}

/** The trip failed, or was not tried: Redis is away or too slow. Whether the commands ran is not known. */
export class RedisAwayError extends Error {
  override readonly name = "RedisAwayError";
}

/** Bounds of one pipeline: a long one delays its first caller, and Upstash refuses a body of more than some megabytes. */
const COMMANDS_MAX = 256;
const CHARACTERS_MAX = 1_000_000;

/**
 * Who may wait for a turn. Waiting is bounded in trips, each of which has its own budget, and not in time: by the clock a
 * stall of our own process, such as a large body that is parsed, looked like Redis away and made every event a suspect.
 */
const WAITING_MAX = 16 * COMMANDS_MAX;

/** How long nothing is sent after a failed trip: one caller's group in a second pays for finding out, not every request. */
const PAUSE_MS = 1_000;

type Waiting = Commands & { resolve: (results: unknown[]) => void; reject: (error: Error) => void };

/**
 * Trips go out one at a time: who calls while a pipeline is in flight waits and goes with the next. Decision 6.
 * A failed trip fails those who wait too: a Redis that hangs costs a call two trips' budgets at the most.
 */
export function createGrouped({ client, now = Date.now }: GroupedOptions): Grouped {
  let waiting: Waiting[] = [];
  let inFlight = false;
  let awayUntil = 0;

  const drain = async () => {
    if (inFlight) return;
    inFlight = true;
    while (waiting.length > 0) {
      const group = takeGroup();
      try {
        await send(client, group);
      } catch (cause) {
        awayUntil = now() + PAUSE_MS;
        for (const { reject } of [...group, ...waiting.splice(0)])
          reject(new RedisAwayError("the trip to Redis failed", { cause: withoutCommands(cause) }));
      }
    }
    inFlight = false;
  };

  const takeGroup = (): Waiting[] => {
    let characters = 0;
    const over = waiting.findIndex((one, index) => {
      characters += one.characters;
      return index > 0 && (index >= COMMANDS_MAX || characters > CHARACTERS_MAX);
    });
    const group = over < 0 ? waiting : waiting.slice(0, over);
    waiting = over < 0 ? [] : waiting.slice(over);
    return group;
  };

  return (commands) =>
    new Promise((resolve, reject) => {
      if (now() < awayUntil) return reject(new RedisAwayError("Redis was away a moment ago"));
      if (waiting.length >= WAITING_MAX) return reject(new RedisAwayError(`${WAITING_MAX} callers wait already`));
      waiting.push({ ...commands, resolve, reject });
      void drain();
    });
}
type GroupedOptions = { client: Redis; now?: () => number };

/** Upstash's client quotes every command of the trip when an answer is no success: ids and outcomes of many tenants. I9. */
const withoutCommands = (error: unknown): Error => new Error(messageOf(error).split(", command was:", 1)[0]);

/** One pipeline: each caller has its own results, or its own first error. Throws when the trip as a whole failed. */
async function send(client: Redis, group: readonly Waiting[]): Promise<void> {
  const pipeline = client.pipeline();
  const ends = group.map(({ add }) => {
    add(pipeline);
    return pipeline.length();
  });
  const answers = await pipeline.exec<unknown[]>({ keepErrors: true });
  let from = 0;
  for (const [index, { resolve, reject }] of group.entries()) {
    const own = answers.slice(from, ends[index]);
    from = ends[index] ?? from;
    const error = own.find((answer) => answer.error !== undefined)?.error;
    if (error === undefined) resolve(own.map((answer) => answer.result));
    else reject(new CommandError(error));
  }
}
