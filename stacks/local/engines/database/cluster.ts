import { execFile, spawn } from "node:child_process";
import { chown, mkdir, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import type { Home } from "./home.ts";

/** Nothing of the caller's PG* variables, language or time zone: the same cluster on every machine. */
export const POSTGRES_ENV = { PATH: process.env.PATH, LC_ALL: "C", TZ: "UTC" };

/**
 * Makes the data directory with the user `millrace` (password `millrace`) and the empty database `millrace`, once.
 * It is made beside its place and moved there when whole, so a start that was killed half way leaves nothing behind.
 */
export async function makeCluster(home: Home): Promise<void> {
  if (await stat(home.data).catch(() => undefined)) return;
  await removeUnfinished(home.data);
  // Named by process: an initdb that outlived its killed parent may still be writing for a moment.
  const unfinished = `${home.data}.new-${process.pid}`;
  const passwordFile = `${unfinished}-password`;
  await mkdir(unfinished, { mode: 0o700 });
  await writeFile(passwordFile, "millrace\n", { mode: 0o600 });
  if (home.owner) for (const path of [unfinished, passwordFile]) await chown(path, home.owner.uid, home.owner.gid);

  const as = { ...home.owner, cwd: "/", env: POSTGRES_ENV };
  const locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"];
  const access = ["--username=millrace", `--pwfile=${passwordFile}`, "--auth=scram-sha-256"];
  await promisify(execFile)(program(home, "initdb"), ["-D", unfinished, "--no-instructions", ...access, ...locale], as);
  await makeDatabase(program(home, "postgres"), unfinished, as);
  await rm(passwordFile);
  await rename(unfinished, home.data);
}

async function removeUnfinished(data: string): Promise<void> {
  for (const name of await readdir(dirname(data)))
    if (name.startsWith(`${basename(data)}.new-`))
      await rm(join(dirname(data), name), { recursive: true, force: true }).catch(() => {});
}

export const program = (home: Home, name: "initdb" | "postgres"): string => join(home.native, "bin", name);

/** In single-user mode: no port, no second start. */
async function makeDatabase(postgres: string, data: string, as: object): Promise<void> {
  const args = ["--single", "-D", data, "-c", "exit_on_error=on", "-c", "log_checkpoints=off", "postgres"];
  const server = spawn(postgres, args, { ...as, stdio: ["pipe", "ignore", "inherit"] });
  server.stdin?.end("CREATE DATABASE millrace\n");
  const code = await new Promise((resolve, reject) => server.once("exit", resolve).once("error", reject));
  if (code !== 0) throw new Error(`Postgres could not make the database (exit code ${code})`);
}
