import { createHash } from "node:crypto";

/** The next number of a fixed sequence, 0 ≤ n < 1, with 32 random bits. */
export type Random = () => number;

/**
 * Numbers that are the same for the same seed, on every machine: sfc32, the small fast counting generator of Chris
 * Doty-Humphrey (public domain, PractRand), seeded with 96 bits of the seed's SHA-256. For demo data, not for secrets.
 */
export function createRandom(seed: string): Random {
  const hash = createHash("sha256").update(seed).digest();
  let a = hash.readInt32LE(0);
  let b = hash.readInt32LE(4);
  let c = hash.readInt32LE(8);
  let counter = 1;
  const next = () => {
    const out = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + out) | 0;
    return (out >>> 0) / 2 ** 32;
  };
  // The author's own start: the first rounds still show the seed.
  for (let round = 0; round < 15; round++) next();
  return next;
}

/** True with the given probability, 0 to 1. */
export const chance = (random: Random, probability: number): boolean => random() < probability;

/** A number from `min` up to, not including, `max`. */
export const between = (random: Random, min: number, max: number): number => min + (max - min) * random();

/** A whole number from `min` to `max`, both included. */
export const whole = (random: Random, min: number, max: number): number => Math.floor(between(random, min, max + 1));

/** A waiting time with the given mean, mostly short and now and then long (exponential). */
export const waiting = (random: Random, mean: number): number => -mean * Math.log(1 - random());

/** One of a list, each as likely as the other; with `skew` above 1 the first ones are picked more often. */
export function pick<T>(random: Random, list: readonly T[], skew = 1): T {
  const item = list[Math.floor(list.length * random() ** skew)];
  if (item === undefined) throw new Error("nothing to pick from");
  return item;
}

/** One of a list of things with their weights, which need not sum to 1. */
export function weighted<T>(random: Random, list: readonly (readonly [thing: T, weight: number])[]): T {
  let rest = random() * list.reduce((sum, [, weight]) => sum + weight, 0);
  const found = list.find(([, weight]) => {
    rest -= weight;
    return rest < 0;
  });
  return (found ?? pick(random, list))[0];
}

const bits = Buffer.alloc(16);

/** A UUID of version 4 (RFC 9562) whose random bits are the sequence's. */
export function uuid(random: Random): string {
  for (const at of [0, 4, 8, 12]) bits.writeUInt32BE(Math.floor(random() * 2 ** 32), at);
  bits[6] = ((bits[6] ?? 0) & 0x0f) | 0x40;
  bits[8] = ((bits[8] ?? 0) & 0x3f) | 0x80;
  const hex = bits.toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
