import { createHmac } from "node:crypto";

const DAY_MS = 24 * 60 * 60 * 1_000;

/**
 * `ip_` and 128 bits of HMAC-SHA-256 over scope and address, under a salt of the UTC day that only the key can make: one
 * sender is one value for a day, and without the key no list of all addresses turns it back. E16.
 */
export function createHashOfAddress(key: string): (scope: string, address: string, nowMs: number) => string {
  let day = -1;
  let salt = Buffer.alloc(0);
  return (scope, address, nowMs) => {
    const today = Math.floor(nowMs / DAY_MS);
    if (today !== day) {
      salt = createHmac("sha256", key).update(`day ${today}`).digest();
      day = today;
    }
    return `ip_${createHmac("sha256", salt).update(`${scope}\n${address}`).digest("hex").slice(0, 32)}`;
  };
}
