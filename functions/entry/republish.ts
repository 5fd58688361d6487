import { setTimeout as wait } from "node:timers/promises";
import { counted } from "../deliver/counted.ts";
import { letterIdOf, type QueueHandler } from "../deliver/dead-letter.ts";
import { createRepublish } from "../deliver/republish.ts";
import type { RejectEvents } from "../event/dead-letter.ts";
import { createReplay } from "../ingest/replay.ts";
import { env } from "../kit/env.ts";
import { endsWithMetrics } from "../kit/metric-line.ts";
import { metrics } from "../kit/metrics.ts";
import { onFirstCall } from "../kit/on-first-call.ts";
import { openStores, type Stores } from "../stores/open.ts";
import { ingestPorts } from "./ingest.ts";

/** SQS `retry` → stream: spilled frames as they are, replayed events through the stages. */
export const wire = (stores: Stores): QueueHandler => {
  const replay = createReplay({ ...ingestPorts(stores), reject: namedByReplay(stores.reject) });
  return counted(
    "republish",
    createRepublish({
      readRetries: stores.readRetries,
      putFrames: async (puts) => {
        const results = await stores.putFrames(puts);
        metrics.republished.frames(results.filter((result) => result === "stored").length);
        return results;
      },
      replay: async (event) => {
        await replay(event);
        metrics.republished.events(1);
      },
      wait: (ms) => wait(ms),
    }),
  );
};

/** A queue may deliver an event twice: refused again twice by one replay, it is one dead letter all the same. F38, F44. */
const namedByReplay =
  (reject: RejectEvents): RejectEvents =>
  (letters) =>
    reject(letters.map((letter) => ({ ...letter, id: letterIdOf(letter.replayId, letter.trace, "", letter.stage) })));

export const handler: QueueHandler = onFirstCall(() => endsWithMetrics("republish", wire(openStores(env.stores))));
