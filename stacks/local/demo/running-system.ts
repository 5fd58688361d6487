import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

const Running = z.object({ ingestUrl: z.url(), postgresUrl: z.url(), cacheUrl: z.url().optional() });

/** Where the local system of this data folder is reached, by its run.json; undefined where none has said that it is ready. */
export async function runningSystem(environment: NodeJS.ProcessEnv): Promise<z.infer<typeof Running> | undefined> {
  try {
    const text = await readFile(join(environment.MILLRACE_DATA || ".millrace", "run.json"), "utf8");
    return Running.safeParse(JSON.parse(text)).data;
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    if (isMissing || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
