import { setTimeout as wait } from "node:timers/promises";
import type { IsolateSources } from "./isolate-sources.ts";
import { KEYS_CHANNEL } from "./source-keys.ts";
import { createWarnAway } from "./warn-away.ts";

const AGAIN_AFTER_MS = 1_000;

type KeyListener = { url: string; token: string; sources: Pick<IsolateSources, "forget">; now?: () => number };

/**
 * Makes this isolate forget a lookup as soon as it was changed elsewhere, until the returned function is called. For
 * hosts that live long: where nothing listens, or a message is lost, the isolate's own 5 s hold. Whatever was said while
 * the connection was away is made up for by forgetting everything. Upstash's server-sent events, read here because its
 * client neither tells of a connection that ended nor makes a new one.
 */
export function createKeyListener({ url, token, sources, now = Date.now }: KeyListener): () => void {
  const stopped = new AbortController();
  const warnAway = createWarnAway("redis is away: changed keys are noticed after their 5 s", now);

  const listen = async () => {
    while (!stopped.signal.aborted) {
      let begun = false;
      try {
        for await (const data of subscribed(url, token, stopped.signal)) {
          begun = true;
          hear(sources, data);
        }
      } catch (error) {
        // A channel that is quiet for minutes is ended on the way: nothing to tell anybody.
        if (!begun && !stopped.signal.aborted) warnAway(error);
      }
      await wait(AGAIN_AFTER_MS, undefined, { signal: stopped.signal, ref: false }).catch(() => {});
    }
  };
  void listen();
  return () => stopped.abort();
}

/** `subscribe,{channel},{how many}` begins, `message,{channel},{lookup}` names what to forget. */
function hear(sources: KeyListener["sources"], data: string): void {
  const message = `message,${KEYS_CHANNEL},`;
  if (data.startsWith("subscribe,")) sources.forget();
  else if (data.startsWith(message)) sources.forget(data.slice(message.length));
}

/** What the channel says, until the connection ends. Throws when there is none. */
async function* subscribed(url: string, token: string, signal: AbortSignal): AsyncGenerator<string> {
  const headers = { authorization: `Bearer ${token}`, accept: "text/event-stream" };
  const response = await fetch(`${url}/subscribe/${KEYS_CHANNEL}`, { method: "POST", headers, signal });
  if (!response.ok || response.body === null) throw new Error(`the channel answered ${response.status}`);
  let rest = "";
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.startsWith("data: ")) yield line.slice("data: ".length).trimEnd();
  }
}
