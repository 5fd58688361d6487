import { readdirSync, readFileSync } from "node:fs";

type Process = { pid: number; parent: number; state: string };

/** Every process of this machine, from /proc. Linux only, as the tests that kill are. */
function processes(): Process[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        // "pid (command, which may hold anything) state parent …"
        const [state = "", parent = ""] =
          readFileSync(`/proc/${name}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
        return [{ pid: Number(name), parent: Number(parent), state }];
      } catch {
        return []; // ended meanwhile
      }
    });
}

/** A process and all that descend from it. */
export function familyOf(pid: number): number[] {
  const all = processes();
  const family = [pid];
  for (const member of family) family.push(...all.filter(({ parent }) => parent === member).map((child) => child.pid));
  return family;
}

/** Those of `pids` that still run; one that only waits for its parent to read its exit code does not. */
export function alive(pids: readonly number[]): number[] {
  const running = new Set(
    processes()
      .filter(({ state }) => state !== "Z")
      .map(({ pid }) => pid),
  );
  return pids.filter((pid) => running.has(pid));
}
