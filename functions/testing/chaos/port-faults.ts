import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { decodeFrame } from "../../event/frame.ts";
import { valuesOf } from "../../event/frame-reader.ts";
import type { Stores } from "../../stores/open.ts";
import { type Chance, createChance, pick } from "../faults/chance.ts";
import type { Fault } from "../faults/faulty.ts";
import { faultyStores } from "../faults/faulty-stores.ts";
import { createSchedule, createSwitch, type NextFault, type Schedule } from "../faults/schedule.ts";

/**
 * What the processes of a chaos run share: a folder with a note for each process of what befell it, and a file that is
 * there while nothing may befall anybody.
 */
export type PortFaultOptions = { folder: string; seed: number };

const MAYBE: readonly Fault[] = ["fail-before", "fail-after-apply", "delay"];
/** No `hang` where a port promises that a call which was given up does nothing more: the nemesis makes those of real ones. */
const FAULTS: Record<string, readonly Fault[]> = {
  putFrames: [...MAYBE, "hang", "partial", "reorder"],
  spill: [...MAYBE, "partial", "duplicate"],
  reject: [...MAYBE, "duplicate"],
  admit: MAYBE,
  settleClaims: [...MAYBE, "duplicate"],
  insert: [...MAYBE, "duplicate"],
  storedPositions: ["fail-before", "delay"],
  storedCount: ["fail-before", "delay"],
  noteSuspects: [...MAYBE, "duplicate"],
  storeLetters: [...MAYBE, "duplicate"],
  archivePut: [...MAYBE, "duplicate"],
};
/** The kinds of them, and the deaths. */
export const PORT_FAULTS: ReadonlySet<Fault> = new Set([...Object.values(FAULTS).flat(), "kill"]);
/** How many calls meet one: the writer makes few, and large ones. */
const SHARE = { doors: 0.04, workers: 0.12 };

/** Where a process dies: before a call of one of these. The writer's `storedCount` stands between insert and commit (F11). */
const DEATHS = {
  doors: ["putFrames", "settleClaims", "reject"],
  workers: ["insert", "storedCount", "noteSuspects", "storeLetters", "archivePut"],
};
const LIFE_MS = { min: 6_000, max: 40_000 };
const LOOK_MS = 200;

/** The faults of one process of a chaos run, before its stores; they begin and end with the file of `setFaults`. */
export function withPortFaults(process: keyof typeof DEATHS, { folder, seed }: PortFaultOptions) {
  const lives = readdirSync(folder).filter((file) => file.startsWith(`${process}-`)).length;
  const note = join(folder, `${process}-${lives}`);
  writeFileSync(note, "");
  const faults = createSwitch();
  const begin = (round: number): Schedule => {
    const own = seed ^ ((lives + 1) * 7_919 + round * 104_729 + process.length);
    return noted(mortal(createSchedule(own, FAULTS, SHARE[process]), process, createChance(own)), note);
  };
  let rounds = 0;
  let calm = true;
  const look = () => {
    const asked = existsSync(join(folder, "calm"));
    if (asked === calm) return;
    calm = asked;
    if (calm) void faults.heal();
    else faults.to(begin(rounds++));
  };
  look();
  setInterval(look, LOOK_MS).unref();
  return (stores: Stores): Stores => faultyStores(noticing(stores, note), faults);
}

/** Lets faults begin, or ends them: a process looks several times a second. */
export function setFaults(folder: string, on: boolean): void {
  mkdirSync(folder, { recursive: true });
  const calm = join(folder, "calm");
  if (on) rmSync(calm, { force: true });
  else writeFileSync(calm, "");
}

/** What befell the processes so far: how often each fault of each port, and which events took the detour of the queue. */
export function readPortFaults(folder: string): { counts: Map<string, number>; detoured: Set<string> } {
  const counts = new Map<string, number>();
  const detoured = new Set<string>();
  // Behind the last end of a line stands what a process was killed at, before it happened.
  for (const file of readdirSync(folder).filter((name) => name !== "calm"))
    for (const line of readFileSync(join(folder, file), "utf8").split("\n").slice(0, -1)) {
      if (line.startsWith("fault ")) counts.set(line.slice(6), (counts.get(line.slice(6)) ?? 0) + 1);
      else if (line.startsWith("spill ")) for (const id of JSON.parse(line.slice(6))) detoured.add(id);
    }
  return { counts, detoured };
}

/** One of a process's calls is its last: the first of one port after some seconds. */
function mortal(schedule: Schedule, process: keyof typeof DEATHS, chance: Chance): Schedule {
  const [port, afterMs] = [pick(chance, DEATHS[process]), LIFE_MS.min + chance() * (LIFE_MS.max - LIFE_MS.min)];
  const endsAt = performance.now() + afterMs;
  return {
    ...schedule,
    of: (name) => {
      const next = schedule.of(name);
      const ask = () => (name === port && performance.now() > endsAt ? "kill" : next());
      return Object.assign(ask, { late: next.late }) satisfies NextFault;
    },
  };
}

/** Written before the fault happens, for a process that does not outlive it. */
function noted(schedule: Schedule, file: string): Schedule {
  let over = false;
  return {
    ...schedule,
    of: (port) => {
      const next = schedule.of(port);
      const ask = () => {
        const fault = over ? undefined : next();
        if (fault) appendFileSync(file, `fault ${port} ${fault}\n`);
        return fault;
      };
      return Object.assign(ask, { late: next.late });
    },
    heal: () => {
      over = true;
      return schedule.heal();
    },
  };
}

/** Events that go by the queue keep no order (decision 4), so the checker must know them. */
const noticing = (stores: Stores, file: string): Stores => ({
  ...stores,
  spill: (puts) => {
    const ids = puts.flatMap(({ record }) => valuesOf(decodeFrame(record), "message_id").map(String));
    appendFileSync(file, `spill ${JSON.stringify(ids)}\n`);
    return stores.spill(puts);
  },
});
