import { counted } from "../deliver/counted.ts";
import { countedInsert } from "../deliver/counted-insert.ts";
import { createDeliver, type DeliverHandler } from "../deliver/deliver.ts";
import { createStoreOnce } from "../deliver/store-once.ts";
import type { RejectEvents } from "../event/dead-letter.ts";
import { env } from "../kit/env.ts";
import { endsWithMetrics } from "../kit/metric-line.ts";
import { metrics } from "../kit/metrics.ts";
import { onFirstCall } from "../kit/on-first-call.ts";
import { openStores, type Stores } from "../stores/open.ts";

/** The writer: Kinesis → warehouse. */
export const wire = ({ reject: send, warehouse }: Stores): DeliverHandler => {
  const reject: RejectEvents = async (letters) => {
    await send(letters);
    metrics.writer.letters(letters);
  };
  const storeOnce = createStoreOnce({ ...warehouse, insert: countedInsert(warehouse.insert), reject });
  return counted("deliver", createDeliver({ reject, storeOnce }));
};

export const handler: DeliverHandler = onFirstCall(() => endsWithMetrics("deliver", wire(openStores(env.stores))));
