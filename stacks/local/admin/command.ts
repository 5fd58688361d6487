import { AppError, messageOf } from "../../../functions/kit/errors.ts";
import { openPostgres } from "../../../functions/stores/postgres/client.ts";
import { createChange } from "../../../functions/stores/postgres/manage/change.ts";
import { createManage } from "../../../functions/stores/postgres/manage/create-manage.ts";
import { createOperator } from "../../../functions/stores/postgres/manage/operator.ts";
import { createRedis } from "../../../functions/stores/redis/client.ts";
import { createGrouped } from "../../../functions/stores/redis/grouped.ts";
import { createForgetLookup } from "../../../functions/stores/redis/source-keys.ts";
import { runningSystem } from "../demo/running-system.ts";
import { LOCAL } from "../local-mode.ts";
import { HELP, readArguments, WrongUse } from "./arguments.ts";
import { perform, type Result } from "./perform.ts";

const BY = "npm run admin";
/** A person waits for it, once: longer than a door would. */
const CACHE_BUDGET_MS = 3_000;

type Engines = { postgresUrl: string; cache: { url: string; token: string } | undefined };

/** The database that the environment names, else the local system's; the cache belongs to the same of the two. */
async function engines(environment: NodeJS.ProcessEnv): Promise<Engines> {
  const { POSTGRES_URL: postgresUrl, UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token = "" } = environment;
  if (postgresUrl) return { postgresUrl, cache: url ? { url, token } : undefined };
  const running = await runningSystem(environment);
  if (running) {
    const cache = running.cacheUrl ? { url: running.cacheUrl, token: LOCAL.redisToken } : undefined;
    return { postgresUrl: running.postgresUrl, cache };
  }
  throw new AppError("unavailable", "Which database? Set POSTGRES_URL, or start the local system with npm start.");
}

export type Terminal = {
  stdout: { write: (text: string) => unknown };
  stderr: { write: (text: string) => unknown };
  environment: NodeJS.ProcessEnv;
};
export type ExitCode = 0 | 1 | 2;

/** What Postgres says of a table that is not there. */
const NO_TABLE = "42P01";

/** `npm run admin`: the record on standard output, all else on standard error. 0 done, 1 refused, 2 wrong use. */
export async function adminCommand(args: string[], terminal: Terminal): Promise<ExitCode> {
  try {
    await run(args, terminal);
    return 0;
  } catch (error) {
    const isUse = error instanceof WrongUse;
    const isEmpty = ((error as Error).cause as { code?: unknown } | undefined)?.code === NO_TABLE;
    if (!isUse && !isEmpty && !(error instanceof AppError)) throw error;
    const sentence = isEmpty
      ? "The database has no tables yet: npm run migrate -- up --only postgres."
      : messageOf(error);
    terminal.stderr.write(`millrace  ${sentence}${isUse ? " See npm run admin -- --help." : ""}\n`);
    return isUse ? 2 : 1;
  }
}

async function run(args: string[], { stdout, stderr, environment }: Terminal): Promise<void> {
  const asked = readArguments(args, Date.now());
  if (asked.kind === "help") return void stdout.write(HELP);
  const { postgresUrl, cache } = await engines(environment);
  const { db, close } = openPostgres(postgresUrl);
  try {
    const redis = cache && createGrouped({ client: createRedis({ ...cache, budgetMs: CACHE_BUDGET_MS }) });
    const forget = redis ? createForgetLookup({ redis }) : async () => {};
    const manage = createManage(db, forget);
    const operator = createOperator({ db, manage, change: createChange(db, forget), by: BY });
    const result = await perform({ manage, operator, by: BY }, asked);
    if (/revoke$|^workspace change/.test(asked.kind) && !cache)
      stderr.write("millrace  The doors hear of it within 65 seconds: no UPSTASH_REDIS_REST_URL is set.\n");
    stdout.write(`${asked.json ? JSON.stringify(result, null, 2) : textOf(result)}\n`);
  } finally {
    await close();
  }
}

/** One line for each field; of a list one block for each thing. */
function textOf(result: Result): string {
  const things = Array.isArray(result) ? result : [result];
  if (things.length === 0) return "none";
  return things.map((thing) => Object.entries(thing).map(lineOf).join("\n")).join("\n\n");
}

function lineOf([name, value]: [string, unknown]): string {
  const shown = value === null ? "–" : typeof value === "object" ? JSON.stringify(value) : String(value);
  const once = name === "write_key" || name === "token" ? "   (shown once: keep it now)" : "";
  return `${name.padEnd(14)} ${shown}${once}`;
}
