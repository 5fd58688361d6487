import type { Row, Target } from "./kit/row.ts";
import type { Question } from "./kit/scale.ts";
import { ratioOf, spreadOf } from "./kit/statistics.ts";
import { createEvents, type Ids } from "./load/events.ts";
import { type BufferedCall, callOf, ingestInto, schemasOf } from "./load/recorded.ts";

const P2 = (bound: number): Target => ({ name: "P2", of: "ours", at: "most", bound });
const SHAPES: { eventsPerRequest: number; ids: Ids; target: Target }[] = [
  { eventsPerRequest: 1, ids: "mixed", target: P2(40) },
  { eventsPerRequest: 100, ids: "one", target: P2(10) },
  { eventsPerRequest: 100, ids: "mixed", target: P2(10) },
];
/** Different bodies, so that no cache of the engine learns one by heart. */
const EVENTS_PREPARED = 5_000;
const ROUNDS = 5;

/**
 * What does the ingest path itself cost, from the bytes of a body to the records of a put, without network, adapter and
 * cache, with every rule on: schemas of 30 known properties, a tracking plan, addresses truncated, live view and counters?
 * CPU time, garbage collection included, so that other programs on the machine hardly count.
 */
export const handler: Question = async ({ scale, seed, say }) => {
  const rows: Row[] = [];
  for (const { eventsPerRequest, ids, target } of SHAPES) {
    const what = `${eventsPerRequest} a request, ${ids === "one" ? "one id" : "mixed ids"}`;
    say(`handler: ${what}`);
    const next = createEvents(seed, Date.now);
    const calls = Array.from({ length: EVENTS_PREPARED / eventsPerRequest }, () => callOf(next(eventsPerRequest, ids)));
    const known = schemasOf(calls.flatMap(eventsIn));
    const ingest = ingestInto(async (puts) => puts.map(() => "stored"), known);
    const timed = (work: (call: BufferedCall) => unknown) =>
      cpuPerEvent(work, calls, eventsPerRequest, scale.handlerEvents);
    const parse = (call: BufferedCall) => JSON.parse(call.body.toString());
    await timed(ingest);
    await timed(parse);
    const [ours, parsing]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      ours.push(await timed(ingest));
      parsing.push(await timed(parse));
    }
    const reference = { what: "JSON.parse alone", figure: spreadOf(parsing) };
    const ratio = ratioOf(ours, parsing);
    rows.push({ question: "handler", what, unit: "µs of CPU/event", ours: spreadOf(ours), reference, ratio, target });
  }
  return { rows, notes: [], measured: { rounds: ROUNDS, events: scale.handlerEvents } };
};

const eventsIn = ({ kind, body }: BufferedCall): { event: string; properties: object }[] => {
  const sent = JSON.parse(body.toString());
  return kind === "batch" ? sent.batch : [sent];
};

async function cpuPerEvent(
  work: (call: BufferedCall) => unknown,
  calls: readonly BufferedCall[],
  eventsPerRequest: number,
  events: number,
): Promise<number> {
  const before = process.cpuUsage();
  let done = 0;
  while (done < events) {
    for (const call of calls) {
      await work(call);
      done += eventsPerRequest;
    }
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / done;
}
