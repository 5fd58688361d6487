import { setTimeout as wait } from "node:timers/promises";
import { newId } from "../functions/kit/id.ts";
import { post, sql } from "../functions/testing/local-client.ts";
import type { Running } from "../functions/testing/local-system.ts";
import { LOCAL } from "../stacks/local/local-mode.ts";
import { failuresOf } from "./door.ts";
import { runRound } from "./kit/round.ts";
import type { Row } from "./kit/row.ts";
import type { Question } from "./kit/scale.ts";
import { quantile, spreadOf } from "./kit/statistics.ts";
import { startBenchSystem } from "./kit/system.ts";
import { number } from "./kit/table.ts";
import { startGenerator } from "./load/peers.ts";

const EVENTS_PER_REQUEST = 100;
const CONNECTIONS = 64;
const PROBERS = 3;
const POLL_MS = 40;
/** Between two probes of a prober, at random, so that they do not march in step with the consumer's window. */
const PAUSE_MS = 200;
const PROBE_LIMIT_MS = 30_000;

/**
 * How long after its answer can an event be queried? Single events are sent and asked for by id, on a system that does
 * nothing else, and on one that takes half of what it can.
 */
export const freshness: Question = async ({ scale, seed, say }) => {
  const [system, generator] = [await startBenchSystem(), startGenerator()];
  const load = { eventsPerRequest: EVENTS_PER_REQUEST, connections: CONNECTIONS, seed, ids: "mixed" as const };
  try {
    say(`freshness: at rest, ${scale.freshnessSeconds} s`);
    const atRest = await probe(system.running, scale.freshnessSeconds);

    say("freshness: how much can it take?");
    await runRound(system, generator, { ...load, seconds: scale.warmUpSeconds }, scale.restLimitMs);
    const full = await runRound(system, generator, { ...load, seconds: scale.seconds }, scale.restLimitMs);
    const requestsPerSecond = full.acknowledged / full.queryableSeconds / EVENTS_PER_REQUEST / 2;
    say(`freshness: at ${number(requestsPerSecond * EVENTS_PER_REQUEST)} events/s, ${scale.freshnessSeconds} s`);
    const [half, atHalf] = await Promise.all([
      runRound(system, generator, { ...load, seconds: scale.freshnessSeconds, requestsPerSecond }, scale.restLimitMs),
      // Once the load is in full swing, and not beyond its end.
      wait(500).then(() => probe(system.running, scale.freshnessSeconds - 1)),
    ]);
    const sent = half.acknowledged / half.seconds;
    return {
      rows: [...rowsOf("at rest", atRest), ...rowsOf(`at half load, ${number(sent)} events/s`, atHalf)],
      notes: [`freshness: ${atRest.length} probes at rest, ${atHalf.length} under load.`, ...failuresOf([half])],
      measured: { atRest, atHalf, full, half },
    };
  } finally {
    await Promise.all([system.stop(), generator.stop()]);
  }
};

function rowsOf(what: string, probes: readonly number[]): Row[] {
  const sorted = probes.toSorted((a, b) => a - b);
  const row = (name: string, ms: number): Row => ({
    question: "freshness",
    what: `${what}, ${name}`,
    unit: "ms",
    ours: spreadOf([ms]),
  });
  return [
    row("p50", quantile(sorted, 0.5)),
    { ...row("p99", quantile(sorted, 0.99)), target: { name: "P7", of: "ours", at: "most", bound: 2_000 } },
    row("max", sorted.at(-1) ?? Number.NaN),
  ];
}

/**
 * Milliseconds from the answer to the poll that saw the event, one figure a probe. One poll asks for all that are under
 * way: asked one by one as fast as they come, the questions were most of what the engine had to do. Throws when one does
 * not appear.
 */
async function probe(running: Running, seconds: number): Promise<number[]> {
  const waited: number[] = [];
  const answered = new Map<string, { at: number; seen: () => void }>();
  const until = Date.now() + seconds * 1_000;
  let probing = PROBERS;
  const prober = async () => {
    while (Date.now() < until) {
      const id = await send(running);
      await new Promise<void>((seen) => answered.set(id, { at: performance.now(), seen }));
      await wait(Math.random() * PAUSE_MS);
    }
    probing--;
  };
  const poller = async () => {
    while (probing > 0) {
      await wait(POLL_MS);
      for (const id of await storedOf(running, [...answered.keys()])) {
        const { at, seen } = answered.get(id) ?? { at: Number.NaN, seen: () => {} };
        answered.delete(id);
        waited.push(performance.now() - at);
        seen();
      }
      const oldest = Math.min(...[...answered.values()].map(({ at }) => at));
      if (performance.now() - oldest > PROBE_LIMIT_MS) throw new Error("a probe that was answered 200 did not appear");
    }
  };
  await Promise.all([poller(), ...Array.from({ length: PROBERS }, prober)]);
  return waited;
}

async function send(running: Running): Promise<string> {
  const messageId = newId();
  const event = { messageId, userId: "probe", timestamp: new Date().toISOString(), traits: { plan: "free" } };
  const { status, body } = await post(running, "/v1/identify", event);
  if (status !== 200) throw new Error(`a probe was answered ${status}: ${JSON.stringify(body)}`);
  return messageId;
}

/** The load sends no identify call: this reads next to nothing, whatever the table holds. */
async function storedOf(running: Running, ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return [];
  const asked = ids.map((id) => `'${id}'`).join(", ");
  const found = await sql<[string]>(
    running,
    `SELECT message_id FROM events WHERE workspace_id = '${LOCAL.workspaceId}' AND type = 'identify' AND message_id IN (${asked})`,
  );
  return found.map(([id]) => id);
}
