import { setTimeout as wait } from "node:timers/promises";
import { counted } from "../deliver/counted.ts";
import { createKeepLetters, type QueueHandler } from "../deliver/dead-letter.ts";
import { env } from "../kit/env.ts";
import { endsWithMetrics } from "../kit/metric-line.ts";
import { metrics } from "../kit/metrics.ts";
import { onFirstCall } from "../kit/on-first-call.ts";
import { openStores, type Stores } from "../stores/open.ts";

/** SQS `dlq` → table `dead_letters`. */
export const wire = ({ readLetters, warehouse }: Stores): QueueHandler =>
  counted(
    "dead-letter",
    createKeepLetters({
      readLetters,
      storeLetters: async (letters) => {
        await warehouse.storeLetters(letters);
        metrics.lettersKept(letters);
      },
      wait: (ms) => wait(ms),
    }),
  );

export const handler: QueueHandler = onFirstCall(() => endsWithMetrics("dead-letter", wire(openStores(env.stores))));
