import { performance } from "node:perf_hooks";
import { quantile } from "../kit/statistics.ts";
import { type BodiesOptions, EVENTS_MAX, numberIds, type Prepared, prepareBodies } from "./bodies.ts";
import { type Connection, openConnection } from "./connection.ts";

/**
 * One run of requests against a door, without pause on every connection, or at `requestsPerSecond` where that is given.
 * `run` (below 2^24) marks its message ids.
 */
export type Load = Omit<BodiesOptions, "host" | "count"> & {
  port: number;
  connections: number;
  seconds: number;
  run: number;
  requestsPerSecond?: number;
};

export type LoadResult = {
  requests: number;
  events: number;
  /** Of events whose request was answered 200 with every event accepted. */
  acknowledged: number;
  /** Requests without that answer, by what was said, or by why nothing was. */
  failures: Record<string, number>;
  /** From the first byte to the last answer. */
  seconds: number;
  /** Of the generator itself, in that time. */
  cpuSeconds: number;
  /** When the first byte was sent, milliseconds UTC. */
  startedAt: number;
  latencyMs: { p50: number; p99: number; max: number };
};

/** So many different bodies at least, so that neither frames nor blocks see the same one twice. */
const BODIES_MIN = 256;
const TICK_MS = 5;

/** Resolves when the last answer is in. A connection that the server ends is opened again, its request a failure. */
export async function runLoad(load: Load): Promise<LoadResult> {
  const { port, connections: count, seconds, run, eventsPerRequest, requestsPerSecond } = load;
  const bodies = prepareBodies({ ...load, host: `127.0.0.1:${port}`, count: Math.max(BODIES_MIN, count * 2) });
  const failures: Record<string, number> = {};
  const latencies: number[] = [];
  let sent = 0;
  let acknowledged = 0;
  let ending = false;
  const { promise: ended, resolve: end, reject: fail } = Promise.withResolvers<void>();
  const idle: number[] = [];
  const connections: Connection[] = [];
  const inFlight: ({ body: Prepared; since: number } | undefined)[] = [];

  const send = (at: number) => {
    const body = bodies.pop();
    if (!body) return fail(new Error("no body is free"));
    numberIds(body, run, sent++ * eventsPerRequest);
    inFlight[at] = { body, since: performance.now() };
    connections[at]?.send(body.request);
  };
  const next = (at: number) => {
    if (!ending && sent * eventsPerRequest + eventsPerRequest > EVENTS_MAX) ending = true;
    if (!ending && requestsPerSecond === undefined) return send(at);
    idle.push(at);
    if (ending && idle.length === count) end();
  };
  const failed = (why: string) => {
    failures[why] = (failures[why] ?? 0) + 1;
  };
  const answered = (at: number, status: number, body: string) => {
    const flight = inFlight[at];
    if (!flight) return fail(new Error("an answer without a request"));
    latencies.push(performance.now() - flight.since);
    release(at, flight.body);
    if (status === 200 && allTaken(body)) acknowledged += eventsPerRequest;
    else failed(`${status} ${body.slice(0, 200)}`);
    next(at);
  };
  const release = (at: number, body: Prepared) => {
    inFlight[at] = undefined;
    // To the other end: the longer a body rests, the less a frame sees of it twice.
    bodies.unshift(body);
  };
  const open = async (at: number) => {
    connections[at] = await openConnection(
      port,
      (status, body) => answered(at, status, body),
      (why) => void reopen(at, why).catch(fail),
    );
  };
  const reopen = async (at: number, why: string) => {
    const flight = inFlight[at];
    await open(at);
    if (!flight) return;
    failed(why);
    release(at, flight.body);
    next(at);
  };
  for (let at = 0; at < count; at++) await open(at);

  const cpu = process.cpuUsage();
  const startedAt = Date.now();
  const started = performance.now();
  for (let at = 0; at < count; at++) next(at);
  const paced = setInterval(() => {
    if (requestsPerSecond === undefined) return;
    const due = Math.floor(((performance.now() - started) / 1_000) * requestsPerSecond);
    while (!ending && sent < due && idle.length > 0) send(idle.pop() ?? 0);
  }, TICK_MS);
  const timer = setTimeout(() => {
    ending = true;
    if (idle.length === count) end();
  }, seconds * 1_000);
  try {
    await ended;
  } finally {
    clearInterval(paced);
    clearTimeout(timer);
    for (const connection of connections) connection.close();
  }
  const took = (performance.now() - started) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  const sorted = latencies.toSorted((a, b) => a - b);
  return {
    requests: sent,
    events: sent * eventsPerRequest,
    acknowledged,
    failures,
    seconds: took,
    cpuSeconds: (user + system) / 1e6,
    startedAt,
    latencyMs: { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99), max: sorted.at(-1) ?? 0 },
  };
}

/** A batch answers 200 whatever became of its events: what it rejected or knew already stands in its body. */
const allTaken = (body: string) =>
  body === "{}" ||
  body.includes('"success":true,"message_id":') ||
  (body.includes('"duplicates":0') && body.includes('"rejected":[]'));
