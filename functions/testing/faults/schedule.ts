import { type Chance, createChance, pick } from "./chance.ts";
import type { Fault } from "./faulty.ts";

/** What the next call meets. `late` is told of calls that go on after their caller has given up. */
export type NextFault = { (): Fault | undefined; late: (call: Promise<unknown>) => void };

export type Schedule = {
  /** The faults of one port. */
  of: (port: string) => NextFault;
  /** A source of chance that belongs to one port or client, so that others' calls do not shift it. */
  chanceOf: (name: string) => Chance;
  /** Ends all faults, and waits for the calls that nobody waits for. */
  heal: () => Promise<void>;
  /** What happened, in order, such as `putFrames#3 fail-after-apply`. */
  happened: readonly string[];
};

/**
 * The faults of a run. `ports` says which may happen to which port, and `share` how many of its calls meet one; all of it
 * follows from the seed, as far as the order of a port's own calls does. Several of a kind share a first word: `client ann`.
 */
export function createSchedule(seed: number, ports: Record<string, readonly Fault[]>, share = 0.3): Schedule {
  const chanceOf = (name: string) => createChance(seed ^ hashOf(name));
  return schedule(chanceOf, (port) => {
    const [faults = [], chance] = [ports[port.split(" ", 1)[0] ?? ""], chanceOf(`${port} faults`)];
    return () => (faults.length > 0 && chance() < share ? pick(chance, faults) : undefined);
  });
}

/** The faults of a run, call by call: a port's first call meets the first of its list, and so on, then none. */
export function createScript(script: Record<string, readonly (Fault | undefined)[]>): Schedule {
  return schedule(
    (name) => createChance(hashOf(name)),
    (port) => {
      const calls = [...(script[port] ?? [])].values();
      return () => calls.next().value;
    },
  );
}

function schedule(chanceOf: Schedule["chanceOf"], faultsOf: (port: string) => () => Fault | undefined): Schedule {
  const happened: string[] = [];
  const late: Promise<unknown>[] = [];
  let healed = false;
  return {
    chanceOf,
    happened,
    of: (port) => {
      const next = faultsOf(port);
      let calls = 0;
      const ask = () => {
        calls++;
        const fault = healed ? undefined : next();
        if (fault) happened.push(`${port}#${calls} ${fault}`);
        return fault;
      };
      return Object.assign(ask, { late: (call: Promise<unknown>) => void late.push(call) });
    },
    heal: async () => {
      healed = true;
      await Promise.allSettled(late);
    },
  };
}

/** Any text as 32 bits. */
function hashOf(text: string): number {
  let hash = 0;
  for (const character of text) hash = (Math.imul(hash, 31) + (character.codePointAt(0) ?? 0)) | 0;
  return hash;
}

/** A schedule that is another one from `to` on: for a system that outlives a test. */
export function createSwitch(): Schedule & { to: (next: Schedule) => void } {
  let current = createScript({});
  let ports = new Map<string, NextFault>();
  const nextOf = (port: string): NextFault => {
    const known = ports.get(port) ?? current.of(port);
    ports.set(port, known);
    return known;
  };
  return {
    of: (port) => Object.assign(() => nextOf(port)(), { late: (call: Promise<unknown>) => nextOf(port).late(call) }),
    chanceOf: (name) => current.chanceOf(name),
    heal: () => current.heal(),
    get happened() {
      return current.happened;
    },
    to: (next) => {
      current = next;
      ports = new Map();
    },
  };
}
