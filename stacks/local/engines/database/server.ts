import { type ChildProcess, spawn } from "node:child_process";
import { open, readFile, stat } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { POSTGRES_ENV, program } from "./cluster.ts";
import type { Home } from "./home.ts";

export type Server = {
  port: number;
  /** Fast shutdown (open transactions are rolled back), immediate after 2.4 s; resolves when Postgres is gone. */
  stop: () => Promise<void>;
  /** Resolves when Postgres ends without having been asked to. */
  ended: Promise<string>;
};

/**
 * What a laptop wants: committed is on disk, little memory, few processes, no Unix socket (its path may be too long),
 * and a log that names neither values nor rows.
 */
const SETTINGS = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  max_connections: "100",
  shared_buffers: "32MB",
  synchronous_commit: "on",
  wal_level: "minimal",
  max_wal_senders: "0",
  max_wal_size: "256MB",
  io_method: "sync",
  max_logical_replication_workers: "0",
  jit: "off",
  log_checkpoints: "off",
  log_error_verbosity: "terse",
};

/**
 * Postgres under a guardian. The guardian's standard input is a pipe from us: when it closes, because we ask or because
 * we are gone (also by SIGKILL), it ends Postgres. In a session of its own, so that a Ctrl-C, or a kill of our whole
 * group, reaches neither. A shell starts background jobs with SIGINT ignored; Postgres installs its own handler.
 */
const GUARDIAN = `
exec 3<&0
"$@" </dev/null 3<&- &
postgres=$!
{
  read -r _ <&3
  kill -INT $postgres
  waited=0
  while [ $waited -lt 12 ] && kill -0 $postgres; do sleep 0.2; waited=$((waited + 1)); done
  kill -QUIT $postgres
} 2>/dev/null &
watcher=$!
wait $postgres
code=$?
kill $watcher 2>/dev/null
exit $code
`;

/** What a killed predecessor still holds (its last connections, our choice of port) is free again within moments. */
const STARTS_MAX = 10;

/** Starts Postgres on `port` of 127.0.0.1 (0 = any free one) and waits, through crash recovery too, until it takes connections. */
export async function startServer(home: Home, port: number): Promise<Server> {
  for (let start = 1; ; start++) {
    const free = await freePort(port);
    const log = await open(home.log, (await isLong(home.log)) ? "w" : "a");
    const logStart = (await log.stat()).size;
    const args = Object.entries(SETTINGS).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    const guardian = spawn(
      "/bin/sh",
      ["-c", GUARDIAN, "sh", program(home, "postgres"), "-D", home.data, "-p", String(free), ...args],
      { ...home.owner, cwd: "/", env: POSTGRES_ENV, detached: true, stdio: ["pipe", log.fd, log.fd] },
    );
    await log.close();
    const gone = exitOf(guardian);
    if (await becomesReady(home, gone)) return { port: free, ...control(guardian, gone) };
    if (start === STARTS_MAX) throw new Error(`Postgres does not start:\n${await tailOf(home.log, logStart)}`);
    await sleep(300);
  }
}

/** Throws when a port that was asked for is taken. Postgres itself cannot choose one. */
function freePort(port: number): Promise<number> {
  const probe = createServer();
  return new Promise((resolve, reject) => {
    probe.once("error", (error: NodeJS.ErrnoException) => {
      reject(error.code === "EADDRINUSE" ? new Error(`port ${port} on 127.0.0.1 is taken`, { cause: error }) : error);
    });
    probe.listen(port, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === "object" && address ? address.port : port));
    });
  });
}

/** The log is kept over restarts, up to a megabyte. */
const isLong = (log: string): Promise<boolean> =>
  stat(log).then(
    ({ size }) => size > 1_000_000,
    () => false,
  );

const exitOf = (guardian: ChildProcess): Promise<string> =>
  new Promise((resolve) => {
    guardian.once("exit", (code, signal) => resolve(signal ?? `exit code ${code}`));
    guardian.once("error", (error) => resolve(error.message));
  });

/** The eighth line of the lock file is the server's own word, which pg_ctl trusts as well. False when it ended first. */
async function becomesReady(home: Home, gone: Promise<string>): Promise<boolean> {
  let ended = false;
  void gone.then(() => {
    ended = true;
  });
  while (!ended) {
    const lock = await readFile(join(home.data, "postmaster.pid"), "utf8").catch(() => "");
    if (lock.split("\n")[7]?.trim() === "ready") return true;
    await sleep(20);
  }
  return false;
}

function control(guardian: ChildProcess, gone: Promise<string>): Omit<Server, "port"> {
  let asked = false;
  guardian.stdin?.on("error", () => {}); // it may end before its pipe
  return {
    stop: async () => {
      asked = true;
      guardian.stdin?.end();
      await gone;
    },
    ended: new Promise((resolve) => {
      void gone.then((how) => {
        if (!asked) resolve(how);
      });
    }),
  };
}

const tailOf = async (log: string, from: number): Promise<string> =>
  (await readFile(log)).subarray(from).toString().trim().split("\n").slice(-6).join("\n");
