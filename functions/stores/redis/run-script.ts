import type { Pipeline } from "@upstash/redis";
import { CommandError, type Grouped } from "./grouped.ts";
import type { Script } from "./scripts.ts";

/** A script's call; `before` adds commands that go ahead of it in the same trip, and again where the script was not known yet. */
export type ScriptCall = { keys: string[]; args: string[]; before?: (pipeline: Pipeline) => void };

/** Runs a script by its hash; a Redis that does not know it yet gets its text, in one more trip of its lifetime. */
export async function runScript(
  redis: Grouped,
  { text, sha1 }: Script,
  { keys, args, before }: ScriptCall,
): Promise<unknown> {
  const characters = args.reduce((sum, arg) => sum + arg.length, sha1.length);
  try {
    const results = await redis({
      characters,
      add: (pipeline) => {
        before?.(pipeline);
        pipeline.evalsha(sha1, keys, args);
      },
    });
    return results.at(-1);
  } catch (error) {
    if (!(error instanceof CommandError && error.code === "NOSCRIPT")) throw error;
    const results = await redis({
      characters: characters + text.length,
      add: (pipeline) => {
        pipeline.scriptLoad(text);
        before?.(pipeline);
        pipeline.evalsha(sha1, keys, args);
      },
    });
    return results.at(-1);
  }
}
