import { setTimeout as wait } from "node:timers/promises";
import type { QueueHandler } from "../deliver/dead-letter.ts";
import { createRepublish } from "../deliver/republish.ts";
import { createReplay } from "../ingest/replay.ts";
import { env } from "../kit/env.ts";
import { onFirstCall } from "../kit/on-first-call.ts";
import { openStores, type Stores } from "../stores/open.ts";
import { ingestPorts } from "./ingest.ts";

/** SQS `retry` → stream: spilled frames as they are, replayed events through the stages. */
export const wire = (stores: Stores): QueueHandler =>
  createRepublish({
    readRetries: stores.readRetries,
    putFrames: stores.putFrames,
    replay: createReplay(ingestPorts(stores)),
    wait: (ms) => wait(ms),
  });

export const handler: QueueHandler = onFirstCall(() => wire(openStores(env.stores)));
