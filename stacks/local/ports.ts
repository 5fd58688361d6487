import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { createServer } from "node:net";
import { basename } from "node:path";

/** The doors that people know by their port, and the variable that moves each. */
export const DOOR_PORTS = {
  ingest: { variable: "PORT_INGEST", port: 3049 },
  api: { variable: "PORT_API", port: 4000 },
  clickhouse: { variable: "PORT_CLICKHOUSE", port: 8123 },
} as const;
export type Door = keyof typeof DOOR_PORTS;
export type DoorPorts = Record<Door, number>;

/** The ports as the variables say. Throws for what is no port. */
export function doorPorts(variables: Record<string, string | undefined>): DoorPorts {
  const read = (door: Door) => {
    const { variable, port } = DOOR_PORTS[door];
    const given = variables[variable];
    if (given === undefined || given === "") return port;
    if (!/^\d{1,5}$/.test(given) || Number(given) > 65_535)
      throw new Error(`${variable} must be a port from 0 (any free one) to 65535, not "${given}".`);
    return Number(given);
  };
  return { ingest: read("ingest"), api: read("api"), clickhouse: read("clickhouse") };
}

/** Throws a sentence that names the process which holds a door's port, and the variable that moves the door. */
export async function checkDoorsAreFree(ports: DoorPorts): Promise<void> {
  for (const [door, { variable }] of Object.entries(DOOR_PORTS)) {
    const port = ports[door as Door];
    if (port === 0 || (await isFree(port))) continue;
    const holder = holderOf(port);
    throw new Error(
      `port ${port} (${door}) is taken${holder ? ` by ${holder}` : ""}. Stop that process, or start with ${variable}=<another port>.`,
    );
  }
}

const isFree = (port: number) =>
  new Promise<boolean>((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });

/** "process 1234 (node server.js)", where the system tells; undefined where it does not, such as for another user's process. */
function holderOf(port: number): string | undefined {
  const pid = process.platform === "linux" ? pidByProc(port) : pidByLsof(port);
  if (pid === undefined) return undefined;
  const name = process.platform === "linux" ? commandOf(pid) : undefined;
  return `process ${pid}${name ? ` (${name})` : ""}`;
}

/** The program and its first argument, without folders: a process's own name is that of a thread, such as "MainThread". */
function commandOf(pid: number): string {
  const [program = "", argument] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").filter(Boolean);
  return [program, argument].flatMap((part) => (part ? [basename(part)] : [])).join(" ");
}

/** The kernel's table names the socket of a listening port, and /proc/<pid>/fd who has that socket open. */
function pidByProc(port: number): number | undefined {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  const LISTEN = "0A";
  const inodes = ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((table) =>
    readFileSync(table, "utf8")
      .split("\n")
      .map((line) => line.trim().split(/\s+/))
      .filter((columns) => columns[1]?.endsWith(`:${hex}`) && columns[3] === LISTEN)
      .map((columns) => `socket:[${columns[9]}]`),
  );
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .find((pid) => openFilesOf(pid).some((target) => inodes.includes(target)));
}

function openFilesOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
      } catch {
        return []; // closed meanwhile
      }
    });
  } catch {
    return []; // gone, or another user's
  }
}

function pidByLsof(port: number): number | undefined {
  try {
    const pid = Number(
      execFileSync("lsof", ["-nP", `-iTCP:${port}`, "-sTCP:LISTEN", "-t"], { encoding: "utf8" }).split("\n")[0],
    );
    return pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}
