import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { messageOf } from "../../kit/errors.ts";
import { forgetDataDir, newDataDir } from "../data-dir.ts";
import { createChance } from "../faults/chance.ts";
import { FAULTS } from "../faults/faulty.ts";
import { PERSONAL } from "../faults/traffic.ts";
import { eventually, portsOf, startLocalSystem, stopLocalSystem } from "../local-system.ts";
import { createClient, learn, type Tally } from "./clients.ts";
import { leftOf, untilDrained, wrongTotalsOf } from "./evidence.ts";
import { judge, type Verdict } from "./judge.ts";
import { watchLogs } from "./log-watch.ts";
import { watchMemory } from "./memory.ts";
import { deckOf, type Field, MARKS, MISFORTUNES } from "./nemesis.ts";
import { PORT_FAULTS, readPortFaults, setFaults } from "./port-faults.ts";
import { openShops, type Shop } from "./shop.ts";

export type ChaosOptions = { minutes: number; seed: number; say: (line: string) => void };
/** How a run ended: what was judged last, what was injected, how often, and where the data lie when something is broken. */
export type ChaosResult = { verdicts: Verdict[]; injected: Map<string, number>; dataDir?: string };

const START = fileURLToPath(new URL("start-system.ts", import.meta.url));
const SHOPS = ["books", "shoes", "wine"];
const PEOPLE = ["ann", "bob", "cid", "dan"];
const WRONG = { key: "wk_of_nobody_canary", token: "sk_of_nobody_canary" };

/** Faults end so often, and everything is drained and checked. */
const ROUND_MS = 120_000;
const PAUSE_MS_MAX = 1_500;
/** I10: a message that a dead worker held is seen again after a minute; five are for machines that are busy. */
export const DRAIN_LIMIT_MS = 300_000;
/** Beyond its minutes a run goes on until everything that was announced has happened, at most so much longer. */
const LONGER_MS_MAX = 600_000;
/** An idle laptop takes a hundred times as many. */
const ACKED_PER_MINUTE_MIN = 500;

/** A system of its own under traffic and faults for some minutes. Throws when it does not come back, or did not start. */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const dataDir = await newDataDir();
  let run: Run | undefined;
  let isSound = false;
  try {
    run = await openRun(options, dataDir);
    const result = await roundsOf(run, options.minutes);
    isSound = result.verdicts.every(({ broken }) => broken.length === 0);
    return isSound ? result : { ...result, dataDir };
  } catch (error) {
    throw new Error(`${messageOf(error)} (the data are in ${dataDir})`, { cause: error });
  } finally {
    await run?.close();
    if (isSound) await forgetDataDir(dataDir);
  }
}

type Run = Awaited<ReturnType<typeof openRun>>;

/** The system, its workspaces and their clients, before anything is sent but what they learn from. */
async function openRun({ seed, say }: ChaosOptions, dataDir: string) {
  const folder = join(dataDir, "chaos");
  setFaults(folder, false);
  const variables = { CHAOS_SEED: String(seed) };
  let system = await startLocalSystem(dataDir, variables, START);
  const ports = portsOf(system.running());
  const { ingestUrl, apiUrl, postgresUrl } = system.running();
  const shops = await openShops(postgresUrl, SHOPS);
  const secrets = [WRONG.key, WRONG.token, ...PERSONAL, ...shops.flatMap(({ writeKeys }) => writeKeys)];
  const logs = watchLogs(join(dataDir, "logs"), () => secrets, MARKS);
  const memory = watchMemory(() => {
    const { workers = 0, doors = 0 } = system.running().children;
    return { workers, doors };
  });

  const chance = createChance(seed);
  const tally: Tally = { requests: 0, answered: 0, retries: 0, unanswered: 0, odd: new Set() };
  for (const shop of shops) await learn(ingestUrl, shop, chance, tally);
  await askAsNobody(ingestUrl, apiUrl, logs.hear);
  const clients = shops.flatMap((shop, at) =>
    PEOPLE.map((name, person) => {
      const [key, writeKey = ""] = [`${name} of ${shop.name}`, shop.writeKeys[person % shop.writeKeys.length]];
      const own = createChance(seed ^ (1_000 * (at + 1) + person));
      return createClient({ shop, key, writeKey, chance: own }, ingestUrl, tally, logs.hear);
    }),
  );
  const field: Field = {
    system: () => system,
    startAgain: async () => {
      logs.hear(system.output());
      system = await startLocalSystem(dataDir, { ...variables, ...ports }, START);
    },
    shops,
    chance,
    marked: logs.marked,
  };
  const startedAt = performance.now();
  return {
    ...{ dataDir, folder, field, shops, clients, tally, secrets, logs, memory, ingestUrl },
    deck: deckOf(chance),
    struck: new Map(Object.keys(MISFORTUNES).map((name) => [name, 0])),
    say: (line: string) => say(`${((performance.now() - startedAt) / 1_000).toFixed(0).padStart(5)} s  ${line}`),
    close: async () => {
      logs.stop();
      memory.stop();
      await stopLocalSystem(system);
    },
  };
}

/** Rounds of faults, each with a check behind it, until the time is over or something is broken. */
async function roundsOf(run: Run, minutes: number): Promise<ChaosResult> {
  let leftMs = minutes * 60_000;
  for (let round = 1; ; round++) {
    const ms = leftMs < ROUND_MS * 1.5 ? leftMs : ROUND_MS;
    leftMs -= ms;
    const last = leftMs <= 0;
    await strike(run, ms, last ? LONGER_MS_MAX : 0);
    run.say("the faults end; what is under way is finished, stream and queues are emptied");
    const verdicts = await check(run, round, last ? Math.floor(ACKED_PER_MINUTE_MIN * minutes) : undefined);
    const isBroken = verdicts.some(({ broken }) => broken.length > 0);
    if (last || isBroken) return { verdicts, injected: injectedBy(run).all };
  }
}

/** Traffic and faults for so long, and up to `longerMs` more until everything that was announced has happened. */
async function strike(run: Run, ms: number, longerMs: number): Promise<void> {
  const { folder, clients, deck, struck, field } = run;
  const endsAt = performance.now() + ms;
  const isMissing = () => [...injectedBy(run).announced.values()].includes(0);
  setFaults(folder, true);
  for (const client of clients) client.start();
  while (performance.now() < endsAt || (performance.now() < endsAt + longerMs && isMissing())) {
    const name = deck.next().value;
    if (await MISFORTUNES[name]?.strike(field)) struck.set(name, (struck.get(name) ?? 0) + 1);
    await wait(field.chance() * PAUSE_MS_MAX);
  }
  setFaults(folder, false);
  await Promise.all(clients.map((client) => client.stop()));
}

/** Waits until nothing is under way and judges everything so far; `ackedMin` is told at the end of a run only. */
async function check(run: Run, round: number, ackedMin: number | undefined): Promise<Verdict[]> {
  const { dataDir, folder, shops, secrets, logs, tally, memory, ingestUrl, field } = run;
  await eventually(async () => {
    const { status } = await fetch(`${ingestUrl}/ready`);
    if (status !== 200) throw new Error(`the ingest door is not ready: ${status}`);
  }, DRAIN_LIMIT_MS);
  const { seconds, waiting } = await untilDrained(dataDir, DRAIN_LIMIT_MS);
  const running = field.system().running();
  const left = await Promise.all(shops.map(async (shop) => ({ shop, left: await leftOf(running, shop) })));
  const { detoured } = readPortFaults(folder);
  logs.hear(field.system().output());
  const verdicts = judge({
    ...{ shops: left, detoured, secrets, waiting, odd: tally.odd },
    told: logs.found(),
    wrongTotals: await wrongTotalsOf(running),
    happened: ackedMin === undefined ? new Map() : injectedBy(run).announced,
    ackedMin: ackedMin ?? 0,
  });

  const sum = (of: (shop: Shop) => number) => shops.reduce((total, shop) => total + of(shop), 0);
  const unanswered = ({ sent, acked, refused }: Shop) =>
    [...sent.keys()].filter((id) => !acked.has(id) && !refused.has(id)).length;
  const rows = left.reduce((total, { left: { rows } }) => total + rows.length, 0);
  run.say(
    `round ${round}: ${rows} rows of ${sum(({ acked }) => acked.size)} acknowledged events, ` +
      `${sum(({ refused }) => refused.size)} refused, ${sum(unanswered)} never answered, ${detoured.size} by the queue; ` +
      `${tally.requests} requests, ${tally.retries} retries; drained in ${seconds.toFixed(0)} s ` +
      `(T = ${DRAIN_LIMIT_MS / 1_000} s); ${Math.round(logs.bytes() / 1_024)} KB of logs searched; ${memory.take()}`,
  );
  return verdicts;
}

/** What was announced, by name with how often it happened; and all, port by port. */
function injectedBy({ struck, folder }: Run) {
  const { counts } = readPortFaults(folder);
  const announced = new Map(struck);
  for (const fault of FAULTS.filter((fault) => PORT_FAULTS.has(fault))) {
    const times = [...counts].filter(([name]) => name.endsWith(` ${fault}`)).reduce((sum, [, count]) => sum + count, 0);
    announced.set(`${fault} at a port`, times);
  }
  const all = new Map([...struck, ...[...counts].toSorted(([one], [other]) => (one < other ? -1 : 1))]);
  return { announced, all };
}

/** Keys of nobody: neither the answer nor a log may tell them. */
async function askAsNobody(ingestUrl: string, apiUrl: string, heard: (text: string) => void): Promise<void> {
  const body = JSON.stringify({ event: "Step", anonymousId: "nobody" });
  const event = await fetch(`${ingestUrl}/v1/track`, { method: "POST", headers: { "x-write-key": WRONG.key }, body });
  const question = await fetch(`${apiUrl}/dlq`, { headers: { authorization: `Bearer ${WRONG.token}` } });
  for (const answer of [event, question]) heard(await answer.text());
}
