import ipaddr from "ipaddr.js";
import { AppError } from "../../kit/errors.ts";
import { keepNewest } from "../../kit/keep-newest.ts";

/** Guessing keys is stopped early; a site with a wrong key in one of its pages is not. */
const REFUSED_MAX = 300;
const WINDOW_MS = 10_000;
/** Addresses watched at once: beyond it the oldest is forgotten, so that memory stays bounded. */
const WATCHED_MAX = 50_000;

type Watched = { since: number; refused: number };

/**
 * Counts refused keys by address, IPv6 by its /64, in windows of 10 s: who had 300 is answered 429 before anything is
 * looked up. Events with a good key never count, limits on them are the workspace's (I-07). E8.
 */
export function createPerAddressLimit(now: () => number) {
  const watched = new Map<string, Watched>();
  const windowOf = (address: string): Watched => {
    const name = networkOf(address);
    const known = watched.get(name);
    if (known && now() - known.since < WINDOW_MS) return known;
    const fresh = { since: now(), refused: 0 };
    keepNewest(watched, name, fresh, WATCHED_MAX);
    return fresh;
  };
  return {
    /** Throws `rate_limited` for an address that was refused too often. */
    check: (address: string): void => {
      if (address === "" || !watched.has(networkOf(address)) || windowOf(address).refused < REFUSED_MAX) return;
      throw new AppError("rate_limited", "Too many requests with wrong write keys came from this address.", {
        retryAfterSeconds: 10 + Math.floor(Math.random() * 10),
      });
    },
    refused: (address: string): void => {
      if (address !== "") windowOf(address).refused++;
    },
  };
}

function networkOf(address: string): string {
  if (!address.includes(":") || !ipaddr.isValid(address)) return address;
  const bytes = ipaddr.parse(address).toByteArray();
  return Buffer.from(bytes.slice(0, 8)).toString("hex");
}
