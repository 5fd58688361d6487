import { createArchive } from "../deliver/archive.ts";
import { counted } from "../deliver/counted.ts";
import type { DeliverHandler } from "../deliver/deliver.ts";
import { env } from "../kit/env.ts";
import { endsWithMetrics } from "../kit/metric-line.ts";
import { onFirstCall } from "../kit/on-first-call.ts";
import { openStores, type Stores } from "../stores/open.ts";

/** The archive: Kinesis → S3, with checkpoints of its own. */
export const wire = ({ archive }: Stores): DeliverHandler => counted("archive", createArchive({ put: archive.put }));

export const handler: DeliverHandler = onFirstCall(() => endsWithMetrics("archive", wire(openStores(env.stores))));
