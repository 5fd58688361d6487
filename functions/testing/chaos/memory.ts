import { readFileSync } from "node:fs";

const LOOK_MS = 2_000;

/** The resident memory of some processes over time, MB; `pids` are asked again at each look. Linux only. */
export function watchMemory(pids: () => Record<string, number>) {
  const seen = new Map<string, { most: number; last: number }>();
  const timer = setInterval(() => {
    for (const [name, pid] of Object.entries(pids())) {
      const mb = residentOf(pid);
      if (mb > 0) seen.set(name, { most: Math.max(mb, seen.get(name)?.most ?? 0), last: mb });
    }
  }, LOOK_MS);
  return {
    /** The most since it was asked for last, and the last. */
    take: (): string => {
      const told = [...seen].map(([name, { most, last }]) => `${name} ${most} MB at most, ${last} last`);
      seen.clear();
      return told.join("; ");
    },
    stop: () => clearInterval(timer),
  };
}

/** 0 for a process that is gone. */
function residentOf(pid: number): number {
  try {
    const kb = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return Math.round(Number(kb ?? 0) / 1_024);
  } catch {
    return 0;
  }
}
