import { setTimeout as wait } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import type { Chance } from "../faults/chance.ts";
import type { Shop } from "./shop.ts";
import { aGoodDraft, type Sending, sendingsOf } from "./traffic.ts";

/** What all clients of a run have done so far. */
export type Tally = {
  requests: number;
  answered: number;
  retries: number;
  unanswered: number;
  /** Answers that no client should ever get, such as a 401 in an outage. */
  odd: Set<string>;
};

const ANSWER_LIMIT_MS = 10_000;
const RETRY_MS = { first: 100, most: 2_000 };
const PAUSE_MS_MAX = 250;

/**
 * One person's client: one request after the other, each again until it is answered or its tries are over. `heard` is
 * given every answer's text. It goes until `stop`, and may be started again.
 */
export function createClient(
  { shop, key, writeKey, chance }: { shop: Shop; key: string; writeKey: string; chance: Chance },
  url: string,
  tally: Tally,
  heard: (text: string) => void,
) {
  const sendings = sendingsOf(key, chance, ({ id }) => shop.acked.has(id) || shop.refused.has(id));
  let running: Promise<void> | undefined;
  let stopped = false;
  const send = async (sending: Sending): Promise<void> => {
    for (const { event, good } of sending.items) {
      shop.sent.set(event.id, event);
      if (!good) shop.bad.add(event.id);
    }
    tally.requests++;
    const gzip = chance() < 0.5;
    for (let attempt = 0; attempt < sending.tries; attempt++) {
      if (attempt > 0) tally.retries++;
      const answer = await post(url, sending, writeKey, gzip);
      if (answer) heard(answer.text);
      if (answer && answer.status < 500) {
        tally.answered++;
        return note(shop, sending, answer, tally);
      }
      await wait(Math.min(RETRY_MS.most, RETRY_MS.first * 2 ** attempt) * (0.5 + chance()));
    }
    tally.unanswered++;
  };
  return {
    start: () => {
      stopped = false;
      running = (async () => {
        while (!stopped) {
          await send(sendings.next().value);
          await wait(chance() * PAUSE_MS_MAX);
        }
      })();
    },
    stop: async () => {
      stopped = true;
      await running;
    },
  };
}

type Answer = { status: number; text: string };

/** Undefined where no answer came, or not in time. */
async function post(
  url: string,
  { path, body }: Sending,
  writeKey: string,
  gzip: boolean,
): Promise<Answer | undefined> {
  try {
    const response = await fetch(`${url}${path}`, {
      method: "POST",
      headers: { "x-write-key": writeKey, ...(gzip && { "content-encoding": "gzip" }) },
      body: gzip ? gzipSync(body) : body,
      signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
    });
    return { status: response.status, text: await response.text() };
  } catch {
    return undefined;
  }
}

function note({ acked, refused }: Shop, { path, items }: Sending, { status, text }: Answer, { odd }: Tally): void {
  const single = path === "/v1/track";
  if (status !== 200 && !(single && [400, 422].includes(status))) {
    odd.add(`${path} was answered ${status}: ${text.slice(0, 200)}`);
    return;
  }
  const rejected = single
    ? new Set(status === 200 ? [] : [0])
    : new Set((JSON.parse(text).rejected as { index: number }[]).map(({ index }) => index));
  items.forEach(({ event }, index) => {
    (rejected.has(index) ? refused : acked).add(event.id);
  });
}

/** Each workspace learns the types of its events before anything fails, so that every copy of one meets the same verdict. */
export async function learn(url: string, shop: Shop, chance: Chance, tally: Tally): Promise<void> {
  const [writeKey = ""] = shop.writeKeys;
  const key = `first of ${shop.name}`;
  const event = { id: `${key}-0`, key, n: 0, props: key };
  const draft = aGoodDraft(event, chance);
  const items = [{ event, draft, path: "/v1/track", fine: true, good: true }];
  const sending = { path: "/v1/track", body: JSON.stringify(draft), items, tries: 1 };
  const answer = await post(url, sending, writeKey, false);
  if (answer?.status !== 200) throw new Error(`a quiet system does not take an event: ${answer?.text ?? "no answer"}`);
  shop.sent.set(event.id, event);
  note(shop, sending, answer, tally);
}
