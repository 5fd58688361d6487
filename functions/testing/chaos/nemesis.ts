import { setTimeout as wait } from "node:timers/promises";
import { LOCAL } from "../../../stacks/local/local-mode.ts";
import { type Chance, pick, shuffled } from "../faults/chance.ts";
import { eventually, type LocalSystem } from "../local-system.ts";
import { alive, familyOf } from "../processes.ts";
import type { Shop } from "./shop.ts";
import { aGoodDraft } from "./traffic.ts";

/** What the nemesis works on. `marked` says how often one of `MARKS` was met in the logs. */
export type Field = {
  system: () => LocalSystem;
  /** Starts it again on its data and its ports, when all of it is gone. */
  startAgain: () => Promise<void>;
  shops: readonly Shop[];
  chance: Chance;
  marked: (mark: string) => number;
};
/** Resolves to whether it really happened. */
type Misfortune = (field: Field) => Promise<boolean>;

const CHILDREN = ["doors", "workers", "stream", "queues", "warehouse", "database", "cache"];
/** An outage is as long as that, ms: most are shorter than what its callers wait, some are longer. */
const HANG_MS = { min: 300, max: 4_000 };
/** ClickHouse's code of TOO_MANY_PARTS, as a log line shows what caused a failure. */
const REFUSED = '"code":"252"';
export const MARKS = [REFUSED];
const BACK_LIMIT_MS = 120_000;

/** Everything that may befall the processes, by name. What makes the cache forget makes every event suspect from then on. */
export const MISFORTUNES: Record<string, { forgets: boolean; strike: Misfortune }> = {
  ...ofEach("kill", kill),
  "kill supervisor": { forgets: true, strike: (field) => killAll(field, (pid) => process.kill(pid, "SIGKILL")) },
  "kill group": { forgets: true, strike: (field) => killAll(field, (pid) => process.kill(-pid, "SIGKILL")) },
  ...ofEach("hang", hang),
  "zombie insert (F9)": { forgets: false, strike: zombie },
  "too many parts (F20)": { forgets: false, strike: tooManyParts },
  "replay of dead letters (F42)": { forgets: false, strike: replayLetters },
  "replay of a mended letter": { forgets: false, strike: mendLetter },
  "replay of the archive (F42)": { forgets: false, strike: replayArchive },
};

function ofEach(what: string, strike: (field: Field, name: string) => Promise<boolean>) {
  const forgets = (name: string) => what === "kill" && name === "cache";
  const each = CHILDREN.map((name) => {
    return [`${what} ${name}`, { forgets: forgets(name), strike: (field: Field) => strike(field, name) }] as const;
  });
  return Object.fromEntries(each);
}

/** All of them again and again, in another order each time; the cache is first lost when every other thing has happened once. */
export function* deckOf(chance: Chance): Generator<string, never> {
  const names = Object.keys(MISFORTUNES);
  const forgetting = names.filter((name) => MISFORTUNES[name]?.forgets);
  yield* shuffled(
    chance,
    names.filter((name) => !forgetting.includes(name)),
  );
  yield* shuffled(chance, forgetting);
  for (;;) yield* shuffled(chance, names);
}

const pidOf = ({ system }: Field, name: string): number => system().running().children[name] ?? 0;
const soon = (check: () => Promise<void>) => eventually(check, BACK_LIMIT_MS);

/** False when the process ended by itself just now: a fault of its ports was faster. */
function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

async function kill(field: Field, name: string): Promise<boolean> {
  const pid = pidOf(field, name);
  const happened = send(pid, "SIGKILL");
  await soon(async () => {
    const now = pidOf(field, name);
    if (now === pid || alive([now]).length === 0) throw new Error(`${name} does not come back`);
  });
  return happened;
}

async function killAll(field: Field, end: (pid: number) => void): Promise<boolean> {
  const system = field.system();
  const { pid } = system.running();
  const family = familyOf(pid);
  end(pid);
  await system.exited;
  await soon(async () => {
    if (alive(family).length > 0) throw new Error(`processes ${alive(family).join(", ")} outlive their supervisor`);
  });
  await field.startAgain();
  return true;
}

async function hang(field: Field, name: string): Promise<boolean> {
  const family = familyOf(pidOf(field, name));
  const stopped = family.filter((pid) => send(pid, "SIGSTOP"));
  await wait(HANG_MS.min + field.chance() * (HANG_MS.max - HANG_MS.min));
  for (const pid of stopped) send(pid, "SIGCONT");
  return stopped.length > 0;
}

/** The writer dies with an insert under way, its successor comes, and only then the engine goes on with that insert. */
async function zombie(field: Field): Promise<boolean> {
  const family = familyOf(pidOf(field, "warehouse"));
  const stopped = family.filter((pid) => send(pid, "SIGSTOP"));
  try {
    await wait(500);
    return (await kill(field, "workers")) && stopped.length > 0;
  } finally {
    await wait(field.chance() * 2_000);
    for (const pid of stopped) send(pid, "SIGCONT");
  }
}

async function tooManyParts(field: Field): Promise<boolean> {
  const before = field.marked(REFUSED);
  const ask = (query: string) =>
    soon(async () => {
      const { clickhouseUrl } = field.system().running();
      const response = await fetch(`${clickhouseUrl}/?database=${LOCAL.database}`, { method: "POST", body: query });
      if (response.status !== 200) throw new Error(await response.text());
    });
  await ask("SYSTEM STOP MERGES events");
  await ask("ALTER TABLE events MODIFY SETTING parts_to_delay_insert = 1, parts_to_throw_insert = 1");
  try {
    await eventually(async () => {
      if (field.marked(REFUSED) === before) throw new Error("no insert was refused");
    }, 15_000);
    await wait(field.chance() * 3_000);
    return true;
  } catch {
    return false;
  } finally {
    await ask("ALTER TABLE events RESET SETTING parts_to_delay_insert, parts_to_throw_insert");
    await ask("SYSTEM START MERGES events");
  }
}

/** A call of the query door for a workspace; undefined where nobody answers. */
async function call({ system }: Field, shop: Shop, path: string, body?: object) {
  try {
    const response = await fetch(`${system().running().apiUrl}${path}`, {
      method: body ? "POST" : "GET",
      headers: { "x-workspace-id": shop.workspaceId, "content-type": "application/json" },
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(20_000),
    });
    // biome-ignore lint/suspicious/noExplicitAny: answers are read by those who know them
    return { status: response.status, body: (await response.json()) as any };
  } catch {
    return undefined;
  }
}

/** Twice, as they are: most are refused again, with the next attempt (F44). */
async function replayLetters(field: Field): Promise<boolean> {
  const shop = pick(field.chance, field.shops);
  const listed = await call(field, shop, "/dlq?limit=200");
  const letters = ((listed?.body.letters ?? []) as { id: string; message_id: string; attempt: number }[])
    .filter(({ attempt, message_id }) => attempt === 1 && shop.sent.has(message_id))
    .slice(0, 20);
  if (letters.length === 0) return false;
  // A late event is not late any more when somebody sends it again on purpose.
  for (const { message_id } of letters) shop.maybeMended.add(message_id);
  const ids = letters.map(({ id }) => id);
  const answers = [await call(field, shop, "/dlq/replay", { ids }), await call(field, shop, "/dlq/replay", { ids })];
  return answers.some((answer) => answer?.status === 202);
}

async function mendLetter(field: Field): Promise<boolean> {
  const { chance } = field;
  const shop = pick(chance, field.shops);
  const listed = await call(field, shop, "/dlq?limit=200");
  const letters = (listed?.body.letters ?? []) as { id: string; message_id: string }[];
  const letter = letters.find(({ message_id }) => shop.sent.has(message_id) && !shop.maybeMended.has(message_id));
  const event = shop.sent.get(letter?.message_id ?? "");
  if (!letter || !event) return false;
  shop.maybeMended.add(event.id);
  const answer = await call(field, shop, `/dlq/${letter.id}/replay`, { payload: aGoodDraft(event, chance) });
  if (answer?.status !== 202) return false;
  shop.mended.add(event.id);
  return true;
}

const REPLAYED_MS = 60_000;
const PAGES = 3;

async function replayArchive(field: Field): Promise<boolean> {
  const shop = pick(field.chance, field.shops);
  const now = Date.now();
  const range = { from: new Date(now - REPLAYED_MS).toISOString(), to: new Date(now).toISOString() };
  let events = 0;
  let cursor: string | undefined;
  for (let page = 0; page < PAGES; page++) {
    const answer = await call(field, shop, "/archive/replay", { ...range, ...(cursor && { cursor }) });
    if (answer?.status !== 202) break;
    events += answer.body.events;
    cursor = answer.body.next_cursor ?? undefined;
    if (!cursor) break;
  }
  return events > 0;
}
