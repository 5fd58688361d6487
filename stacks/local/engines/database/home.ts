import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, lstat, mkdir, readFile, realpath, rm, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { nativeFor, type Owner } from "./binaries.ts";
import { stopStaleServer } from "./stale.ts";

export type Home = { data: string; native: string; log: string; owner: Owner };

/** As root, Postgres runs as `nobody`, unless the data already belong to somebody else. */
const NOBODY = { uid: 65534, gid: 65534 };

/**
 * Where this database lives. Data are in `dataDir`; only where root's stand-in cannot get there (a 0700 home) they, and
 * a copy of the binaries, are in a folder of their own under /var/tmp. A note in `dataDir` ties the two together, so
 * deleting `dataDir` by hand forgets that folder as well.
 */
export async function openHome(dataDir: string): Promise<Home> {
  await mkdir(dataDir, { recursive: true });
  const owner = process.getuid?.() === 0 ? await ownerOf(join(dataDir, "data")) : undefined;
  const base = owner && !reaches(owner, dataDir) ? await openElsewhere(dataDir) : dataDir;
  const native = await nativeFor(owner, base);
  return { data: join(base, "data"), native, log: join(dataDir, "postgres.log"), owner };
}

/** Deletes the database of `dataDir` wherever it lives, `dataDir` included; a server that still holds it is stopped. */
export async function forgetDatabase(dataDir: string): Promise<void> {
  await forgetElsewhere(await elsewhereOf(dataDir));
  await stopStaleServer(join(dataDir, "data"));
  await rm(dataDir, { recursive: true, force: true });
}

const ownerOf = (data: string): Promise<{ uid: number; gid: number }> =>
  stat(data).then(
    ({ uid, gid }) => (uid === 0 ? NOBODY : { uid, gid }),
    () => NOBODY,
  );

const reaches = (owner: { uid: number; gid: number }, folder: string): boolean =>
  spawnSync("/bin/sh", ["-c", 'test -x "$1"', "sh", resolve(folder)], { ...owner, cwd: "/" }).status === 0;

async function openElsewhere(dataDir: string): Promise<string> {
  const folder = await elsewhereOf(dataDir);
  const note = join(dataDir, "elsewhere");
  const noted = await readFile(note, "utf8").catch(() => "");
  if (noted.trim() !== folder) await forgetElsewhere(folder);
  await mkdir(folder).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
    // /var/tmp is everybody's: never run what another user laid there.
    const found = await lstat(folder);
    if (!found.isDirectory() || found.uid !== 0) throw new Error(`${folder} is not ours; remove it and start again`);
  });
  await chmod(folder, 0o755);
  await writeFile(note, `${folder}\n`);
  return folder;
}

async function forgetElsewhere(folder: string): Promise<void> {
  await stopStaleServer(join(folder, "data"));
  await rm(folder, { recursive: true, force: true });
}

async function elsewhereOf(dataDir: string): Promise<string> {
  const path = await realpath(dataDir).catch(() => resolve(dataDir));
  return `/var/tmp/millrace-${createHash("sha256").update(path).digest("hex").slice(0, 16)}`;
}
