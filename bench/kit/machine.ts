import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, platform, release, totalmem } from "node:os";

/** What a figure was measured on. Without these no figure means anything. */
export type Machine = {
  node: string;
  cpu: string;
  cores: number;
  memoryGb: number;
  os: string;
  commit: string;
  /** Files differ from the commit. */
  dirty: boolean;
  chdb: string;
  kinesalite: string;
  /** Of all programs on the machine, before the run: a figure from a busy machine is worth less. */
  loadBefore: number | undefined;
};

export function machine(): Machine {
  const processors = cpus();
  return {
    node: process.version,
    cpu: processors[0]?.model.trim() ?? "unknown",
    cores: processors.length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    os: `${platform()} ${release()}`,
    commit: git("rev-parse", "--short", "HEAD") || "none",
    dirty: git("status", "--porcelain", "--untracked-files=no") !== "",
    chdb: versionOf("chdb"),
    kinesalite: versionOf("kinesalite"),
    loadBefore: loadAverage(),
  };
}

function git(...args: string[]): string {
  try {
    return execFileSync("git", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return ""; // a copy without its history
  }
}

function versionOf(name: string): string {
  const file = new URL(`../../node_modules/${name}/package.json`, import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

function loadAverage(): number | undefined {
  try {
    return Number(readFileSync("/proc/loadavg", "utf8").split(" ")[0]);
  } catch {
    return undefined;
  }
}
