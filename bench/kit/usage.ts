import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** What processes have used since each of them started: CPU in seconds, the peaks of their resident memory in MB. */
export type Usage = { cpuSeconds: number; peakMb: number };

/** /proc counts CPU in ticks of this many a second. */
const TICKS = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));

/**
 * The processes' own sum, and that of children that have ended and whose exit code was read. Memory that several of
 * them share (Postgres' buffers) counts for each; a process that is gone counts nothing. Linux only.
 */
export function usageOf(pids: readonly number[]): Usage {
  const sum = { cpuSeconds: 0, peakMb: 0 };
  for (const pid of pids) {
    try {
      sum.cpuSeconds += cpuSecondsOf(pid);
      sum.peakMb += peakMbOf(pid);
    } catch {
      // Ended between the list and the look.
    }
  }
  return sum;
}

/** User and system time of one process, with that of its children that have ended: fields 14 to 17 of proc(5). */
function cpuSecondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
  return [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]), 0) / TICKS;
}

function peakMbOf(pid: number): number {
  const [, kb = "0"] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kb) / 1_024;
}
