/** Numbers from 0 up to 1, the same ones for the same seed on every machine (mulberry32). */
export type Chance = () => number;

export function createChance(seed: number): Chance {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One of the list, which must not be empty. */
export const pick = <T>(chance: Chance, from: readonly T[]): T => from[Math.floor(chance() * from.length)] as T;

/** A copy in another order. */
export function shuffled<T>(chance: Chance, from: readonly T[]): T[] {
  const left = [...from];
  return from.map(() => left.splice(Math.floor(chance() * left.length), 1)[0] as T);
}
