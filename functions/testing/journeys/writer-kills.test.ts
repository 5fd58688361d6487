import { setTimeout as wait } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import { LOCAL } from "../../../stacks/local/local-mode.ts";
import { leftOf } from "../chaos/evidence.ts";
import { forgetDataDir, newDataDir } from "../data-dir.ts";
import { createChance } from "../faults/chance.ts";
import { brokenIn, type SentEvent } from "../faults/invariants.ts";
import { basic, sql } from "../local-client.ts";
import { eventually, type LocalSystem, portsOf, startLocalSystem, stopLocalSystem } from "../local-system.ts";
import { alive, familyOf } from "../processes.ts";

/** `npm run test:kills` sets them: minutes of kills are not for `npm test`, where `kills.test.ts` has twenty. */
const { KILL_EVENTS = "0", KILLS_OF_WRITER = "50", KILLS_OF_GROUP = "10", KILL_SEED = "1" } = process.env;
const [EVENTS, WRITER, GROUP] = [Number(KILL_EVENTS), Number(KILLS_OF_WRITER), Number(KILLS_OF_GROUP)];
const chance = createChance(Number(KILL_SEED));

const CLIENTS = 4;
const IDS_OF_A_CLIENT = 5;
const BATCH = 250;
/** The load waits for a kill when it is so many events beyond its moment; each client has a batch in flight then. */
const AHEAD = 4 * BATCH;
/** Half of the kills come with the load in flight, the others up to so much later: the writer reads, inserts or keeps its place. */
const LATER_MS_MAX = 800;

/** A busy machine must not look like a stream that is away: what goes by the queue keeps no order. */
const VARIABLES = { PUBLISH_BUDGET_MS: "20000" };

const dataDir = await newDataDir();
let system: LocalSystem | undefined;
afterAll(async () => {
  if (system) await stopLocalSystem(system);
  await forgetDataDir(dataDir);
});

/**
 * The kills in their order; each comes when `stride` more events are acknowledged than at the end of the one before, at
 * random: together, and with what the load is ahead, they are all of it. The group's come behind the first quarter.
 */
function plannedKills() {
  const victims = Array.from({ length: WRITER + GROUP }, () => "workers");
  const first = Math.floor(victims.length / 4);
  for (let at = 0; at < GROUP; at++)
    victims[first + Math.floor(((at + 0.5) * (victims.length - first)) / GROUP)] = "group";
  const events = EVENTS - victims.length * (AHEAD + CLIENTS * BATCH);
  const weights = victims.map(() => chance());
  const all = weights.reduce((sum, weight) => sum + weight, 0);
  return victims.map((victim, at) => ({ victim, stride: Math.floor(((weights[at] ?? 0) / all) * events) }));
}

test.skipIf(EVENTS === 0)(
  `${WRITER} kills of the writer and ${GROUP} of everything under a load of ${EVENTS} events (seed ${KILL_SEED}): each acknowledged event is stored once, and every id's in order`,
  async () => {
    let running = await startLocalSystem(dataDir, VARIABLES);
    system = running;
    const ports = portsOf(running.running());
    const { ingestUrl } = running.running();
    let allowed = 0;
    const load = startLoad(ingestUrl, () => allowed);
    let [withBacklog, inFlight] = [0, 0];

    for (const { victim, stride } of plannedKills()) {
      const moment = load.acked.size + stride;
      allowed = moment + AHEAD;
      while (load.acked.size < moment) await Promise.race([wait(5), load.failed]);
      if (chance() < 0.5) await wait(chance() * LATER_MS_MAX);
      const { pid, children } = running.running();
      const acked = load.acked.size;
      if (load.inFlight() > 0) inFlight++;
      if (victim === "workers") {
        process.kill(children.workers ?? 0, "SIGKILL");
        const [[stored = 0] = []] = await sql<[number]>(running.running(), "SELECT count() FROM events");
        if (stored < acked) withBacklog++;
        await eventually(async () => expect(running.running().children.workers).not.toBe(children.workers), 120_000);
      } else {
        const family = familyOf(pid);
        process.kill(-pid, "SIGKILL");
        await running.exited;
        await eventually(async () => expect(alive(family)).toEqual([]), 60_000);
        running = await startLocalSystem(dataDir, { ...VARIABLES, ...ports });
        system = running;
      }
    }
    allowed = EVENTS;
    await load.done;
    // A kill of a writer that had nothing to do, or of doors that nobody spoke to, would prove little.
    expect(withBacklog).toBeGreaterThanOrEqual(WRITER / 4);
    expect(inFlight).toBeGreaterThanOrEqual((WRITER + GROUP) / 4);

    const left = await eventually(async () => {
      const left = await leftOf(running.running(), { workspaceId: LOCAL.workspaceId });
      expect(left.rows.length).toBeGreaterThanOrEqual(load.acked.size);
      return left;
    }, 300_000);
    expect(load.acked.size).toBe(EVENTS);
    const { sent, acked } = load;
    const nobody = { refused: new Set<string>(), unknown: new Set<string>(), detoured: new Set<string>() };
    expect(brokenIn({ sent, acked, ...nobody, ...left, output: "", secrets: [] })).toEqual({});
    console.log(
      `${EVENTS} events; ${withBacklog} writers killed with a backlog, ${inFlight} of all kills with requests in flight, ${load.again()} batches sent again`,
    );
  },
  1_800_000,
);

/** Clients that send in turn for their own ids, each batch again until it is answered; they wait for a kill that is late. */
function startLoad(url: string, allowed: () => number) {
  const sent = new Map<string, SentEvent>();
  const acked = new Set<string>();
  let [again, inFlight] = [0, 0];
  const client = async (own: number) => {
    for (let n = 0; n < EVENTS / CLIENTS; n += BATCH) {
      while (acked.size >= allowed()) await wait(20);
      const events = Array.from({ length: Math.min(BATCH, EVENTS / CLIENTS - n) }, (_, at): SentEvent => {
        const [id, key] = [`${own}-${n + at}`, `client ${own}, person ${(n + at) % IDS_OF_A_CLIENT}`];
        return { id, key, n: n + at, props: `text of ${id}` };
      });
      for (const event of events) sent.set(event.id, event);
      const timestamp = new Date().toISOString();
      const batch = events.map(({ id, key, n, props }) => ({
        ...{ type: "track", event: "Load", messageId: id, anonymousId: key, timestamp },
        properties: { n, text: props },
      }));
      const body = JSON.stringify({ batch });
      inFlight++;
      while (!(await taken(url, body, events.length))) {
        again++;
        await wait(200);
      }
      inFlight--;
      for (const { id } of events) acked.add(id);
    }
  };
  const done = Promise.all(Array.from({ length: CLIENTS }, (_, own) => client(own)));
  const failed = new Promise<never>((_, reject) => void done.catch(reject));
  // Seen by who waits; until then a failure is no unhandled one.
  failed.catch(() => {});
  return { sent, acked, done, failed, again: () => again, inFlight: () => inFlight };
}

/** False where no answer came, or a 503. Throws for a refusal. */
async function taken(url: string, body: string, count: number): Promise<boolean> {
  const headers = { authorization: basic(LOCAL.writeKey) };
  let response: Response;
  let text: string;
  try {
    response = await fetch(`${url}/v1/batch`, { method: "POST", headers, body, signal: AbortSignal.timeout(30_000) });
    text = await response.text();
  } catch {
    return false;
  }
  if (response.status >= 500) return false;
  const { accepted, duplicates } = JSON.parse(text) as { accepted: number; duplicates: number };
  if (accepted + duplicates !== count) throw new Error(`${response.status}: ${text.slice(0, 500)}`);
  return true;
}
