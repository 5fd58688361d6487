import { AsyncLocalStorage } from "node:async_hooks";
import { EventEmitter } from "node:events";
import type { IncomingHttpHeaders } from "node:http";

/**
 * A reader may ask an empty GetRecords to wait for the next record of its shard. AWS has no such thing and ignores the
 * header; here it makes an idle reader nearly free (a read costs 2 ms of CPU) and a new record arrive at once.
 */
export const WAIT_HEADER = "x-millrace-wait-ms";
const WAIT_MS_MAX = 5_000;

const waitUntilMs = new AsyncLocalStorage<number>();
const rings = new EventEmitter().setMaxListeners(0);

/** Runs the handling of a request that may wait; kinesalite passes no headers on to its actions. */
export function allowWaiting(headers: IncomingHttpHeaders, handle: () => void): void {
  const waitMs = Math.min(Number(headers[WAIT_HEADER]) || 0, WAIT_MS_MAX);
  if (waitMs > 0) waitUntilMs.run(Date.now() + waitMs, handle);
  else handle();
}

/** Something was put into, or happened to, this shard. */
export const ring = (stream: string, shardId: string): boolean => rings.emit(`${stream}/${shardId}`, true);

/** Lets every waiting request be answered with nothing, for the engine's end. */
export function endWaiting(): void {
  for (const name of rings.eventNames()) rings.emit(name, false);
}

/**
 * Listens from now on, so that nothing is missed between a read and the wait. `ring()` resolves to true when it rang,
 * to false when the request does not wait, or no longer.
 */
export function listen(stream: string, shardId: string): { ring: () => Promise<boolean>; end: () => void } {
  const waitMs = (waitUntilMs.getStore() ?? 0) - Date.now();
  if (waitMs <= 0) return { ring: async () => false, end: () => {} };
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const onRing = (record: boolean) => resolve(record);
  rings.once(`${stream}/${shardId}`, onRing);
  const timer = setTimeout(() => resolve(false), waitMs);
  const end = () => {
    clearTimeout(timer);
    rings.off(`${stream}/${shardId}`, onRing);
  };
  return { ring: () => promise, end };
}
