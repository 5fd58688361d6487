import { type Chance, pick } from "../faults/chance.ts";
import type { SentEvent } from "../faults/invariants.ts";
import { brokenDraft, goodDraft } from "../faults/traffic.ts";

/** `fine`: it is taken by every kind of call; `good`: by the one that it came with first. */
export type Item = { event: SentEvent; draft: object; path: string; fine: boolean; good: boolean };
/** A request of a client: it comes again, as it is, until it is answered or its tries are over. */
export type Sending = { path: string; body: string; items: Item[]; tries: number };

/** How many of a client's last events it may send once more. */
const REMEMBERED = 300;
const SIZES = [1, 2, 5, 10, 40];

/**
 * What one person's client sends, without end: single calls, batches and imports of mostly good events, late ones and
 * other bad ones, and events that were answered already. Each new event has the next number of its key.
 * No bad one is a matter of types: while their registry is away an isolate that knows none takes every type (F32).
 */
export function* sendingsOf(
  key: string,
  chance: Chance,
  wasAnswered: (event: SentEvent) => boolean,
): Generator<Sending, never> {
  const earlier: Item[] = [];
  let n = 0;
  for (;;) {
    const path = pick(chance, ["/v1/track", "/v1/batch", "/v1/batch", "/v1/batch", "/v1/import"]);
    // What one kind of call refuses another may take: only fine events change their way.
    const again = earlier.filter((item) => (item.fine || item.path === path) && wasAnswered(item.event));
    const items = Array.from({ length: path === "/v1/track" ? 1 : pick(chance, SIZES) }, () => {
      if (again.length > 0 && chance() < 0.05) return pick(chance, again);
      const event = { id: `${key}-${++n}`, key, n, props: `text of ${key} ${n} ☃` };
      const fine = chance() < 0.95;
      const draft = fine ? aGoodDraft(event, chance) : brokenDraft(event, chance);
      // What is imported is never late.
      const item = { event, draft, path, fine, good: fine || (path === "/v1/import" && "sentAt" in draft) };
      earlier.push(item);
      return item;
    });
    earlier.splice(0, earlier.length - REMEMBERED);
    yield { path, body: bodyOf(path, items), items, tries: pick(chance, [1, 4, 8, 8]) };
  }
}

/** Most are of now: only those may be taken without a look-up (decision 15a). */
export const aGoodDraft = (event: SentEvent, chance: Chance): object => {
  const draft = goodDraft(event, chance);
  return chance() < 0.75 ? { ...draft, timestamp: new Date().toISOString() } : draft;
};

function bodyOf(path: string, items: readonly Item[]): string {
  const drafts = items.map(({ draft }) => draft);
  if (path === "/v1/track") return JSON.stringify(drafts[0]);
  if (path === "/v1/batch") return JSON.stringify({ batch: drafts });
  return drafts.map((draft) => JSON.stringify(draft)).join("\n");
}
