import { runChild } from "../../../stacks/local/child.ts";
import { kinesisAt } from "../../../stacks/local/engines/engine-clients.ts";
import { openCheckpoints } from "../../../stacks/local/event-source/checkpoints.ts";
import { createFunction } from "../../../stacks/local/event-source/function.ts";
import { startKinesisMapping } from "../../../stacks/local/event-source/kinesis-mapping.ts";
import { wire } from "../../entry/archive.ts";
import { log } from "../../kit/log.ts";
import { openStores, type StoresSettings } from "../../stores/open.ts";

/** `killAt`: the manifest, counted from 1, before which the process dies; its object is stored then. */
export type ArchiveOptions = {
  stores: StoresSettings;
  streamUrl: string;
  checkpoints: string;
  batchSize: number;
  killAt?: number;
};

/** The archive's consumer in a process of its own, to be killed between an object and its manifest. */
runChild<ArchiveOptions, Record<string, never>>(
  async ({ stores: settings, streamUrl, checkpoints, batchSize, killAt }) => {
    const stores = openStores(settings);
    let manifests = 0;
    const put: typeof stores.archive.put = async (key, body, signal) => {
      if (key.endsWith(".json") && ++manifests === killAt) {
        process.kill(process.pid, "SIGKILL");
        await new Promise<never>(() => {});
      }
      return stores.archive.put(key, body, signal);
    };
    const mapping = startKinesisMapping({
      kinesis: kinesisAt(streamUrl),
      stream: settings.stream,
      function: createFunction({
        name: "archive",
        handler: wire({ ...stores, archive: { ...stores.archive, put } }),
        timeoutMs: 30_000,
      }),
      checkpoints: await openCheckpoints(checkpoints),
      log,
      batchSize,
      windowMs: 0,
      startingPosition: "TRIM_HORIZON",
      maximumRetryAttempts: -1,
      maximumRecordAgeSeconds: -1,
      bisectOnError: true,
      reportBatchItemFailures: true,
    });
    return { ready: {}, stop: mapping.stop };
  },
);
