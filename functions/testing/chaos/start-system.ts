import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { doorPorts } from "../../../stacks/local/ports.ts";
import { startSystem } from "../../../stacks/local/system.ts";
import { messageOf } from "../../kit/errors.ts";

/** As `npm start`, with doors and workers whose ports meet faults; CHAOS_SEED is this command's own variable. */
const { MILLRACE_DATA, CHAOS_SEED = "0" } = process.env;
const fileOf = (name: string) => fileURLToPath(new URL(`${name}-process.ts`, import.meta.url));
const say = (sentence: string) => console.error(`millrace  ${sentence}`);

try {
  if (!MILLRACE_DATA) throw new Error("MILLRACE_DATA must name a folder: a chaos run never touches anybody's data.");
  const system = await startSystem({
    dataDir: MILLRACE_DATA,
    ports: doorPorts(process.env),
    redisUrl: undefined,
    say,
    instead: {
      doors: fileOf("doors"),
      workers: fileOf("workers"),
      options: { faults: { folder: join(MILLRACE_DATA, "chaos"), seed: Number(CHAOS_SEED) } },
    },
  });
  let stopping = false;
  const stop = async () => {
    if (stopping) return;
    stopping = true;
    await system.stop();
    process.exit(0);
  };
  process.on("SIGTERM", stop);
  process.on("disconnect", stop);
  console.log("millrace  ready in its own time");
} catch (error) {
  say(messageOf(error));
  process.exit(1);
}
