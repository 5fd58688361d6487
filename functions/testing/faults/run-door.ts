import type { EngineName, EngineReady } from "../../../stacks/local/engines/list.ts";
import { decodeFrame } from "../../event/frame.ts";
import { valuesOf } from "../../event/frame-reader.ts";
import type { Stores } from "../../stores/open.ts";
import type { Tenant } from "../engine-system.ts";
import { captureLog } from "./capture-log.ts";
import { faulty } from "./faulty.ts";
import { faultyStores } from "./faulty-stores.ts";
import { type Answer, anEvent, type FaultySystem, openFaultySystem } from "./faulty-system.ts";
import type { Observed, SentEvent } from "./invariants.ts";
import type { Schedule } from "./schedule.ts";
import { PERSONAL, type Request, requestsOf } from "./traffic.ts";

const PEOPLE = ["ann", "bob", "cid", "dan", "eve"];
/** A name that is hidden even where a log line is asked for it. */
const WRONG_KEY = "wk_of_nobody_canary";

/**
 * Clients send to the door, whose ports and whose own connections meet the faults of `schedule`, and come again as SDKs
 * do, while the writer runs with other cuts each time; then the faults end and everything is emptied. `sabotage` breaks
 * something besides, to show that the invariants notice.
 */
export async function runDoor(
  engines: Record<EngineName, EngineReady>,
  schedule: Schedule,
  sabotage: (stores: Stores) => Stores = (stores) => stores,
): Promise<Observed> {
  const detoured = new Set<string>();
  const noted = (stores: Stores): Stores => ({
    ...stores,
    spill: (puts) => {
      for (const { record } of puts)
        for (const id of valuesOf(decodeFrame(record), "message_id")) detoured.add(String(id));
      return stores.spill(puts);
    },
  });
  const system = await openFaultySystem(engines, schedule, (stores) => noted(sabotage(faultyStores(stores, schedule))));
  const output = captureLog();
  try {
    const shop = await system.tenant();
    const seen: Seen = { sent: new Map(), acked: new Set(), refused: new Set(), told: [] };
    await learned(system, shop, seen);
    await drainUntil(system, Promise.all(PEOPLE.map((key) => clientOf(key, system, shop, schedule, seen))), schedule);
    await system.settle();
    await system.drainStream(3);
    const secrets = [shop.writeKey, WRONG_KEY, ...PERSONAL];
    const unknown = new Set([...seen.sent.keys()].filter((id) => !seen.acked.has(id) && !seen.refused.has(id)));
    return {
      ...{ sent: seen.sent, acked: seen.acked, refused: seen.refused, unknown, detoured, secrets },
      rows: await system.rows(shop),
      letters: await system.letters(shop),
      output: [...output.lines(), ...seen.told].join("\n"),
    };
  } finally {
    output.release();
    await system.close();
  }
}

type Seen = { sent: Map<string, SentEvent>; acked: Set<string>; refused: Set<string>; told: string[] };

/** The registry knows the types of an event before anything fails, so that every copy of one meets the same verdict. */
async function learned(system: FaultySystem, shop: Tenant, seen: Seen): Promise<void> {
  const event = { id: "first", key: "first", n: 0, props: "text of first" };
  for (;;) {
    const { status } = await system.post(shop, "/v1/track", anEvent(event.id, 0, { anonymousId: event.key }));
    if (status === 200) break;
  }
  seen.sent.set(event.id, event);
  seen.acked.add(event.id);
  const { text } = await system.post({ ...shop, writeKey: WRONG_KEY }, "/v1/track", anEvent("nobody"));
  seen.told.push(text);
}

/** One person's client: one request after the other, each again until it is answered or its tries are over. */
async function clientOf(
  key: string,
  system: FaultySystem,
  shop: Tenant,
  schedule: Schedule,
  seen: Seen,
): Promise<void> {
  const chance = schedule.chanceOf(`client ${key}`);
  const post = faulty(
    async ({ path, body, gzip }: Request): Promise<Answer | undefined> => system.post(shop, path, body, { gzip }),
    { refused: () => undefined, unknown: () => undefined },
    schedule.of(`client ${key}`),
    chance,
  );
  for (const request of requestsOf(key, chance, ({ id }) => seen.acked.has(id) || seen.refused.has(id))) {
    for (const event of request.events) seen.sent.set(event.id, event);
    for (let attempt = 0; attempt < request.tries; attempt++) {
      const answer = await post(request);
      if (answer) seen.told.push(answer.text);
      if (answer && answer.status < 500) {
        note(request, answer, seen);
        break;
      }
    }
  }
}

function note({ path, events }: Request, { status, body }: Answer, { acked, refused }: Seen): void {
  if (path === "/v1/track") {
    const [event] = events;
    if (event) (status === 200 ? acked : refused).add(event.id);
    return;
  }
  if (status !== 200) return; // refused whole: nothing of it is anywhere
  const rejected = new Set((body.rejected as { index: number }[]).map(({ index }) => index));
  events.forEach(({ id }, index) => {
    (rejected.has(index) ? refused : acked).add(id);
  });
}

/**
 * The writer, again and again over the whole stream, cut otherwise each time; an attempt that fails is made again. Where
 * the schedule kills the cache, it comes back without its keys (F30).
 */
async function drainUntil(system: FaultySystem, traffic: Promise<unknown>, schedule: Schedule): Promise<void> {
  const [chance, isCacheKilled] = [schedule.chanceOf("drain"), schedule.of("cache")];
  let running = true;
  const done = traffic.finally(() => {
    running = false;
  });
  while (running) {
    await system.drainStream(1 + Math.floor(chance() * 20)).catch(() => {});
    if (isCacheKilled()) await system.cache.client.flushdb();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await done;
}
