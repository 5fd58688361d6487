import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { openClickHouse } from "./clickhouse.ts";
import { type Database, type EngineKind, MigrationError } from "./migration.ts";
import { openPostgres } from "./postgres.ts";

type Variables = Record<string, string | undefined>;

/**
 * Opens a database by the environment (POSTGRES_URL; CLICKHOUSE_URL, _USER, _PASSWORD, _DATABASE), else the one of the
 * local system that runs now. Throws a MigrationError that says what to set when there is neither.
 */
export async function openDatabase(kind: EngineKind, variables: Variables): Promise<Database> {
  if (kind === "postgres") return openPostgres(await addressOf("POSTGRES_URL", "postgresUrl", variables));
  return openClickHouse({
    url: await addressOf("CLICKHOUSE_URL", "clickhouseUrl", variables),
    username: variables.CLICKHOUSE_USER ?? "default",
    password: variables.CLICKHOUSE_PASSWORD ?? "",
    database: variables.CLICKHOUSE_DATABASE ?? "cdp",
  });
}

/** The local system writes run.json into its data folder when it is ready. */
async function addressOf(
  variable: string,
  local: "postgresUrl" | "clickhouseUrl",
  variables: Variables,
): Promise<string> {
  const file = join(variables.MILLRACE_DATA ?? ".millrace", "run.json");
  const url = variables[variable] || (await readRun(file))[local];
  if (!url)
    throw new MigrationError(
      `set ${variable}, or run npm start in another terminal: there is no ${file} of a local system`,
    );
  if (!URL.canParse(url))
    throw new MigrationError(`${variables[variable] ? variable : `${local} of ${file}`} is no URL`);
  return url;
}

async function readRun(file: string): Promise<{ postgresUrl?: string; clickhouseUrl?: string }> {
  const text = await readFile(file, "utf8").catch(() => "{}");
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new MigrationError(`${file} is no JSON; start the local system again`, { cause });
  }
}
