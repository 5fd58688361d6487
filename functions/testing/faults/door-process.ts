import { getRequestListener } from "@hono/node-server";
import { runChild } from "../../../stacks/local/child.ts";
import { closeServer, listenGuarded } from "../../../stacks/local/engines/guarded-server.ts";
import { wire } from "../../entry/ingest.ts";
import { openStores, type StoresSettings } from "../../stores/open.ts";
import type { Fault } from "./faulty.ts";
import { faultyStores } from "./faulty-stores.ts";
import { createScript } from "./schedule.ts";

export type DoorOptions = { stores: StoresSettings; script: Record<string, readonly (Fault | undefined)[]> };
export type DoorReady = { url: string };

/** The ingest door in a process of its own, which its script of faults may kill at a named call. */
runChild<DoorOptions, DoorReady>(async ({ stores, script }) => {
  const door = wire(faultyStores(openStores(stores), createScript(script)), { localMode: true });
  const { server, port } = await listenGuarded(getRequestListener(door.fetch), 0, () => undefined);
  return { ready: { url: `http://127.0.0.1:${port}` }, stop: () => closeServer(server, 1_000) };
});
