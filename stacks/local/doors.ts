import { getRequestListener } from "@hono/node-server";
import { wire as wireIngest } from "../../functions/entry/ingest.ts";
import { wire as wireQuery } from "../../functions/entry/query.ts";
import { metrics } from "../../functions/kit/metrics.ts";
import { openStores, type Stores, type StoresSettings } from "../../functions/stores/open.ts";
import { runChild } from "./child.ts";
import { closeServer, listenGuarded } from "./engines/guarded-server.ts";
import { refusedHost } from "./local-only.ts";

export type DoorsOptions = { stores: StoresSettings; ingestPort: number; apiPort: number };
export type DoorsReady = { ingestPort: number; apiPort: number };

/** How long requests in flight may take to end when the doors close: the supervisor has 5 s for everything. */
const DRAIN_MS = 1_500;

/**
 * The two HTTP doors, with the handlers that Lambda runs. Ingest is meant for web pages; the query door is not. `wrap`
 * puts something before the stores, such as a test's faults.
 */
export async function startDoors(
  { stores: settings, ingestPort, apiPort }: DoorsOptions,
  wrap: (stores: Stores) => Stores = (stores) => stores,
) {
  const stores = wrap(openStores(settings, { onCacheAway: () => metrics.away("cache") }));
  const stopListening = stores.listenForKeys();
  const ingestDoor = wireIngest(stores, { localMode: true });
  const ingest = await listenGuarded(getRequestListener(ingestDoor.fetch), ingestPort, () => undefined);
  const query = wireQuery(stores, { localMode: true });
  const api = await listenGuarded(getRequestListener(query.fetch), apiPort, refusedHost);
  return {
    ready: { ingestPort: ingest.port, apiPort: api.port },
    stop: async () => {
      stopListening();
      await Promise.all([closeServer(ingest.server, DRAIN_MS), closeServer(api.server, DRAIN_MS)]);
      await ingestDoor.drained();
    },
  };
}

if (import.meta.main) runChild<DoorsOptions, DoorsReady>((options) => startDoors(options));
