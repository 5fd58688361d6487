import { setTimeout as wait } from "node:timers/promises";
import { createKeepLetters, type QueueHandler } from "../deliver/dead-letter.ts";
import { env } from "../kit/env.ts";
import { onFirstCall } from "../kit/on-first-call.ts";
import { openStores, type Stores } from "../stores/open.ts";

/** SQS `dlq` → table `dead_letters`. */
export const wire = ({ readLetters, warehouse }: Stores): QueueHandler =>
  createKeepLetters({ readLetters, storeLetters: warehouse.storeLetters, wait: (ms) => wait(ms) });

export const handler: QueueHandler = onFirstCall(() => wire(openStores(env.stores)));
