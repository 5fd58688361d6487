import { LOCAL } from "../../stacks/local/local-mode.ts";
import { createEvents, type Ids } from "./events.ts";

/** A request, written once: head and body in one buffer, and where the last 12 digits of each message id stand in it. */
export type Prepared = { request: Buffer; idsAt: number[] };

export type BodiesOptions = { host: string; eventsPerRequest: number; ids: Ids; count: number; seed: string };

/** The last twelve digits of a UUID: no other digit depends on them. */
const OWN_DIGITS = 12;

/** `count` different requests to the ingest door, single events to the track call, several as a batch. */
export function prepareBodies({ host, eventsPerRequest, ids, count, seed }: BodiesOptions): Prepared[] {
  const next = createEvents(seed, Date.now);
  const path = eventsPerRequest === 1 ? "/v1/track" : "/v1/batch";
  const key = Buffer.from(`${LOCAL.writeKey}:`).toString("base64");
  return Array.from({ length: count }, () => {
    const events = next(eventsPerRequest, ids);
    const body = Buffer.from(JSON.stringify(eventsPerRequest === 1 ? events[0] : { batch: events }));
    const head = `POST ${path} HTTP/1.1\r\nhost: ${host}\r\nauthorization: Basic ${key}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
    const request = Buffer.concat([Buffer.from(head), body]);
    return { request, idsAt: placesOf(request, '"messageId":"') };
  });
}

function placesOf(request: Buffer, before: string): number[] {
  const places: number[] = [];
  for (let at = request.indexOf(before); at >= 0; at = request.indexOf(before, at + 1)) {
    places.push(at + before.length + 36 - OWN_DIGITS);
  }
  return places;
}

/** Events that one run can number. */
export const EVENTS_MAX = 2 ** 24;
const DIGITS = Buffer.from("0123456789abcdef");

/**
 * Writes the number of the run and a number of its own into each message id of the request, six digits each. The own
 * number is multiplied by an odd one, which keeps it unique among 2^24 and makes its digits look as random as a UUID's.
 */
export function numberIds({ request, idsAt }: Prepared, run: number, first: number): void {
  let number = first;
  for (const at of idsAt) {
    writeHex(request, at, run);
    writeHex(request, at + OWN_DIGITS / 2, Math.imul(number++, 0x9e37_79b1) & (EVENTS_MAX - 1));
  }
}

function writeHex(request: Buffer, at: number, value: number): void {
  for (let digit = 0; digit < 6; digit++) request[at + digit] = DIGITS[(value >>> (20 - 4 * digit)) & 15] ?? 0;
}

/** Which message ids a run made, as a condition of SQL. */
export const isOfRun = (run: number): string => `substring(message_id, 25, 6) = '${run.toString(16).padStart(6, "0")}'`;
