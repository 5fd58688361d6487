import { runChild } from "../child.ts";
import { makeCluster } from "./database/cluster.ts";
import { openHome } from "./database/home.ts";
import { startServer } from "./database/server.ts";
import { stopStaleServer } from "./database/stale.ts";
import type { EngineOptions, EngineReady } from "./list.ts";

/** The local database: Postgres 18 from npm on 127.0.0.1, with an empty database `millrace` in the first start. */
runChild<EngineOptions, EngineReady>(async ({ dataDir, port }) => {
  const home = await openHome(dataDir);
  await stopStaleServer(home.data);
  await makeCluster(home);
  const server = await startServer(home, port);
  void server.ended.then((how) => {
    console.error(`database: Postgres ended by itself (${how}), see ${home.log}`);
    process.exit(1);
  });
  const url = `postgres://millrace:millrace@127.0.0.1:${server.port}/millrace`;
  return { ready: { port: server.port, url }, stop: server.stop };
});
