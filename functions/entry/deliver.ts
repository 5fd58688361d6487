import { createDeliver, type DeliverHandler } from "../deliver/deliver.ts";
import { createStoreOnce } from "../deliver/store-once.ts";
import { env } from "../kit/env.ts";
import { onFirstCall } from "../kit/on-first-call.ts";
import { openStores, type Stores } from "../stores/open.ts";

/** The writer: Kinesis → warehouse. */
export const wire = ({ reject, warehouse }: Stores): DeliverHandler =>
  createDeliver({ reject, storeOnce: createStoreOnce({ ...warehouse, reject }) });

export const handler: DeliverHandler = onFirstCall(() => wire(openStores(env.stores)));
