import { type Chance, pick } from "./chance.ts";
import type { SentEvent } from "./invariants.ts";

/** A request of a client: how it is sent, and which events it carries. */
export type Request = {
  path: string;
  gzip: boolean;
  body: object | string;
  events: SentEvent[];
  /** A client that is not answered comes again so often. */
  tries: number;
};

/** What may stand in no log line and no answer: it is in accepted events, and under a name that is hidden in refused ones. */
export const PERSONAL = ["buyer@canary.example", "hunter2-canary"];

const REQUESTS = 9;
const EVENTS_MAX = 8;
const DAY_MS = 24 * 60 * 60 * 1_000;

/**
 * What one person's client sends, in order: single calls, batches and imports, gzip or not, of good events and every kind
 * of bad one, some of them answered before. Each event has the next number of its key.
 */
export function* requestsOf(
  key: string,
  chance: Chance,
  wasAnswered: (event: SentEvent) => boolean,
): Generator<Request> {
  const earlier: { event: SentEvent; draft: object; path: string; good: boolean }[] = [];
  let n = 0;
  for (let at = 0; at < REQUESTS; at++) {
    const path = pick(chance, ["/v1/track", "/v1/batch", "/v1/batch", "/v1/import"]);
    const count = path === "/v1/track" ? 1 : 1 + Math.floor(chance() * EVENTS_MAX);
    // What one kind of call refuses another may take: only good events change their way.
    const answered = earlier.filter((item) => (item.good || item.path === path) && wasAnswered(item.event));
    const items = Array.from({ length: count }, () => {
      if (answered.length > 0 && chance() < 0.15) return pick(chance, answered);
      const event = { id: `${key}-${++n}`, key, n, props: `text of ${key} ${n} ☃` };
      const good = chance() < 0.75;
      const item = { event, draft: good ? goodDraft(event, chance) : badDraft(event, chance), path, good };
      earlier.push(item);
      return item;
    });
    const drafts = items.map(({ draft }) => draft);
    yield {
      path,
      gzip: chance() < 0.5,
      body:
        path === "/v1/track"
          ? (drafts[0] ?? {})
          : path === "/v1/batch"
            ? { batch: drafts }
            : drafts.map((draft) => JSON.stringify(draft)).join("\n"),
      events: items.map(({ event }) => event),
      tries: pick(chance, [1, 4, 8, 8]),
    };
  }
}

export const goodDraft = ({ id, key, n, props }: SentEvent, chance: Chance) => ({
  type: "track",
  event: "Step",
  messageId: id,
  anonymousId: key,
  timestamp: pick(chance, [undefined, ...[0, 1, 2].map((days) => new Date(Date.now() - days * DAY_MS).toISOString())]),
  properties: { n, text: props, email: PERSONAL[0] },
});

function badDraft(event: SentEvent, chance: Chance): object {
  if (chance() < 0.85) return brokenDraft(event, chance);
  const properties = { n: "not a number", text: event.props, password: PERSONAL[1] };
  return { ...goodDraft(event, chance), properties };
}

/** One that is refused whatever the registry of types knows, also while it is away. */
export function brokenDraft(event: SentEvent, chance: Chance): object {
  const good = goodDraft(event, chance);
  const hidden = { n: event.n, text: event.props, password: PERSONAL[1] };
  return pick(chance, [
    { ...good, event: "", properties: hidden },
    { ...good, anonymousId: "", properties: hidden },
    { ...good, sentAt: new Date(Date.now() - 2 * DAY_MS).toISOString(), properties: hidden },
    { ...good, properties: { ...hidden, a: { b: 1 }, a_b: 2 } },
    { ...good, properties: { ...hidden, list: JSON.parse(`${"[".repeat(40)}${"]".repeat(40)}`) } },
    { ...good, context: "no object", properties: hidden },
  ]);
}
