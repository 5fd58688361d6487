import type { Keyspace } from "./keyspace.ts";
import type { Reply } from "./reply.ts";

const SLOT_MS = 100;
const SLOTS = 50;
const DAYS_MS = 172_800_000;

/** The twin of `admit.lua`, step by step: its texts, keys and fields are the same. */
export function admit(space: Keyspace, [wk = "", epochKey = ""]: readonly string[], args: readonly string[]): Reply {
  const [request = "", bucket = "", life, nowText = "", day = "", givenWorkspace = "", ...rest] = args;
  const ids = rest.slice(3);
  const epoch = space.read(epochKey, "string") ?? nowText;
  const keepEpoch = () => space.write(epochKey, "string", epoch);

  const found = givenWorkspace === "" ? (space.read(wk, "string") ?? null) : null;
  const limits = givenWorkspace === "" ? limitsOf(found) : givenLimits(givenWorkspace, rest);
  if (limits === undefined) {
    keepEpoch();
    return [null, epoch, ""];
  }
  const { workspace, scope } = limits;
  const { windowMax, dayMax } = day === "" ? UNCOUNTED : limits;
  const [prefix, rateKey] = [`${bucket}:${workspace}:`, `rate:${scope}`];
  // All or nothing: a claim is not made where its neighbour could not be.
  space.makeRoom(ids.length + Number(windowMax !== undefined) + Number(dayMax !== undefined) + 1);
  keepEpoch();

  const window = windowMax === undefined ? undefined : openWindow(space, rateKey, Number(nowText), windowMax);
  if (window && !window.count) return [found, epoch, "", "requests", 0, window.resetMs];
  const today = dayMax === undefined ? undefined : openDay(space, `${rateKey}:day:${day}`, dayMax);
  if (today && !today.fits(ids.length)) {
    const fresh = ids.filter((id) => space.read(prefix + id, "string") !== "c").length;
    if (fresh > 0 && !today.fits(fresh)) return [found, epoch, "", "events", 0, 0];
  }
  window?.count?.();
  const letters = claim(space, prefix, ids, `p:${request}`, Number(life));
  today?.count([...letters].filter((letter) => letter !== "d").length);
  return window || today
    ? [found, epoch, letters, "", window?.left ?? 0, window?.resetMs ?? 0]
    : [found, epoch, letters];
}

type Limits = { workspace: string; scope: string; windowMax: number | undefined; dayMax: number | undefined };

const UNCOUNTED = { windowMax: undefined, dayMax: undefined };

function givenLimits(workspace: string, [scope = "", windowMax = "", dayMax = ""]: readonly string[]): Limits {
  const limit = (text: string) => (text === "" ? undefined : Number(text));
  return { workspace, scope, windowMax: limit(windowMax), dayMax: limit(dayMax) };
}

type Cached = {
  id: string;
  workspaceId: string;
  limits: { own: boolean; windowRequestsMax: number | null; dayEventsMax: number | null };
};

/** What another version of the door left behind is as good as nothing. */
function limitsOf(found: string | null): Limits | undefined {
  const cached = readable(found);
  if (!cached?.limits) return undefined;
  const { own, windowRequestsMax, dayEventsMax } = cached.limits;
  return {
    workspace: cached.workspaceId,
    scope: own ? cached.id : cached.workspaceId,
    windowMax: windowRequestsMax ?? undefined,
    dayMax: dayEventsMax ?? undefined,
  };
}

function readable(found: string | null): Cached | null {
  try {
    return JSON.parse(found ?? "null");
  } catch {
    return null;
  }
}

/** The window as it is now; without `count` it is full, and `resetMs` says until when. */
type Window = { left: number; resetMs: number; count?: () => void };

function openWindow(space: Keyspace, key: string, nowMs: number, windowMax: number): Window {
  let hash = space.read(key, "hash");
  let slot = Math.floor(nowMs / SLOT_MS);
  let head = numberIn(hash, "h");
  if (head !== undefined && Math.abs(slot - head) >= SLOTS) {
    space.remove(key);
    [hash, head] = [undefined, undefined];
  }
  if (head !== undefined && slot < head) slot = head;
  if (hash) letGo(hash, slot - SLOTS + 1);
  const n = numberIn(hash, "n") ?? 0;
  if (n >= windowMax) return { left: 0, resetMs: (firstCounted(hash, slot) + SLOTS) * SLOT_MS - nowMs };

  const count = () => {
    const ring = hash ?? space.readOrMake(key, "hash", () => new Map());
    add(ring, "n", 1);
    add(ring, String(slot % SLOTS), 1);
    if (head === undefined) ring.set("t", String(slot));
    if (slot === head) return;
    ring.set("h", String(slot));
    space.expireAt(key, space.now() + 2 * SLOTS * SLOT_MS);
  };
  return { left: windowMax - n - 1, resetMs: SLOTS * SLOT_MS, count };
}

/** Takes the slots before `oldest` out of the window. */
function letGo(hash: Map<string, string>, oldest: number): void {
  const tail = numberIn(hash, "t") ?? oldest;
  for (let slot = tail; slot < oldest; slot++) {
    add(hash, "n", -(numberIn(hash, String(slot % SLOTS)) ?? 0));
    hash.delete(String(slot % SLOTS));
  }
  if (tail < oldest) hash.set("t", String(oldest));
}

/** The oldest slot of a full window that holds a request. */
function firstCounted(hash: Map<string, string> | undefined, slot: number): number {
  const tail = numberIn(hash, "t");
  if (hash === undefined || tail === undefined) return slot;
  let first = tail;
  while (first < slot && !hash.has(String(first % SLOTS))) first++;
  if (first > tail) hash.set("t", String(first));
  return first;
}

function openDay(space: Keyspace, key: string, dayMax: number) {
  const events = Number(space.read(key, "string") ?? 0);
  return {
    fits: (more: number): boolean => events + more <= dayMax,
    count: (more: number): void => {
      if (more === 0) return;
      const expiresAt = events === 0 ? space.now() + DAYS_MS : space.expiryOf(key);
      space.write(key, "string", String(events + more), expiresAt);
    },
  };
}

function claim(space: Keyspace, prefix: string, ids: readonly string[], mine: string, seconds: number): string {
  const expiresAt = space.now() + seconds * 1_000;
  let letters = "";
  for (const id of ids) {
    const held = space.read(prefix + id, "string");
    if (held === undefined) space.write(prefix + id, "string", mine, expiresAt);
    letters += held === undefined ? "f" : held === "c" ? "d" : "s";
  }
  return letters;
}

function numberIn(hash: Map<string, string> | undefined, field: string): number | undefined {
  const text = hash?.get(field);
  return text === undefined ? undefined : Number(text);
}

const add = (hash: Map<string, string>, field: string, by: number) =>
  void hash.set(field, String((numberIn(hash, field) ?? 0) + by));
