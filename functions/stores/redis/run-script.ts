import { CommandError, type Grouped } from "./grouped.ts";
import type { Script } from "./scripts.ts";

/** Runs a script by its hash; a Redis that does not know it yet gets its text, in one more trip of its lifetime. */
export async function runScript(
  redis: Grouped,
  { text, sha1 }: Script,
  keys: string[],
  args: string[],
): Promise<unknown> {
  const characters = args.reduce((sum, arg) => sum + arg.length, sha1.length);
  try {
    const [result] = await redis({ characters, add: (pipeline) => pipeline.evalsha(sha1, keys, args) });
    return result;
  } catch (error) {
    if (!(error instanceof CommandError && error.code === "NOSCRIPT")) throw error;
    const [, result] = await redis({
      characters: characters + text.length,
      add: (pipeline) => pipeline.scriptLoad(text).evalsha(sha1, keys, args),
    });
    return result;
  }
}
