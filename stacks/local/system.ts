import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { env } from "../../functions/kit/env.ts";
import type { StoresSettings } from "../../functions/stores/open.ts";
import type { DoorsOptions, DoorsReady } from "./doors.ts";
import { type EngineName, type EngineOptions, type EngineReady, engineFile } from "./engines/list.ts";
import { lockInstance } from "./instance-lock.ts";
import { LOCAL } from "./local-mode.ts";
import { checkDoorsAreFree, type DoorPorts } from "./ports.ts";
import { type Engines, prepareStores, type Queues } from "./prepare-stores.ts";
import { type Supervised, type SupervisorPorts, supervise } from "./supervisor.ts";
import type { WorkersOptions, WorkersReady } from "./workers.ts";

export type SystemOptions = {
  dataDir: string;
  ports: DoorPorts;
  /** A real Redis behind the cache's REST door, instead of the twin in memory. */
  redisUrl: string | undefined;
  say: (sentence: string) => void;
  /** Other files for the processes of doors and workers, and what they take besides: a chaos run puts faults before the stores. */
  instead?: { doors: string; workers: string; options: object };
};

/** Where a running system is reached; also in `<dataDir>/run.json` for commands beside it. */
export type Addresses = {
  ingestUrl: string;
  apiUrl: string;
  clickhouseUrl: string;
  postgresUrl: string;
  streamUrl: string;
  queuesUrl: string;
  cacheUrl: string;
  /** Where the workers tell their metrics. */
  workersUrl: string;
};

export type System = {
  addresses: Addresses;
  /** Closes the doors, drains the workers, then ends the engines: 5 s at the most. */
  stop: () => Promise<void>;
};

const DRAIN_LIMIT_MS = 2_500;
const ENGINES_LIMIT_MS = 1_900;
const fileOf = (name: string) => fileURLToPath(new URL(`${name}.ts`, import.meta.url));

/**
 * The whole of Millrace on this machine: engines, migrations of its own data, doors and workers, each in a process that
 * is started again when it dies. Throws a sentence for a person when it cannot start, with nothing left running.
 */
export async function startSystem({ dataDir: given, ports, redisUrl, say, instead }: SystemOptions): Promise<System> {
  const dataDir = resolve(given);
  const lock = lockInstance(dataDir);
  const children: Supervised<unknown>[] = [];
  const stopAll = async () => {
    const [engines, others] = [children.filter(isEngine), children.filter((child) => !isEngine(child))];
    await Promise.all(others.map((child) => child.stop(DRAIN_LIMIT_MS)));
    await Promise.all(engines.map((child) => child.stop(ENGINES_LIMIT_MS)));
    rmSync(runFile(dataDir), { force: true });
    lock.release();
  };
  try {
    await checkDoorsAreFree(ports);
    let reached: Partial<Addresses> = {};
    const writeRun = () => writeRunFile(dataDir, children, reached);
    const supervisor: SupervisorPorts = {
      logsDir: join(dataDir, "logs"),
      say: (sentence) => {
        say(sentence);
        writeRun();
      },
    };
    const run = async <Options, Ready>(
      name: string,
      file: string,
      options: Options | Promise<Options>,
      again: (ready: Ready) => Options | Promise<Options>,
    ) => {
      const child = await supervise<Options, Ready>(supervisor, name, file, options, again);
      children.push(child);
      return child.ready;
    };
    const engine = (name: EngineName, port = 0, more: object = {}) => {
      const options: EngineOptions = { dataDir: join(dataDir, name), port, ...more };
      return run<EngineOptions, EngineReady>(name, engineFile(name), options, (ready) => ({ ...options, ...ready }));
    };

    const reachable = settled([
      engine("stream"),
      engine("queues"),
      engine("warehouse", ports.clickhouse),
      engine("database"),
      engine("cache", 0, { redisUrl, token: LOCAL.redisToken }),
    ]).then(async ([stream, queues, warehouse, database, cache]) => {
      const engines = {
        streamUrl: stream.url,
        queuesUrl: queues.url,
        clickhouseUrl: warehouse.url,
        postgresUrl: database.url,
        cacheUrl: cache.url,
      };
      return { engines, queues: await prepareStores(engines) };
    });
    // Doors and workers load their modules while the engines start.
    const doorsOptions = reachable.then(({ engines, queues }) => ({
      ...instead?.options,
      stores: storesOf(engines, queues),
      ingestPort: ports.ingest,
      apiPort: ports.api,
    }));
    const workersOptions = reachable.then(({ engines, queues }) => ({
      ...instead?.options,
      stores: storesOf(engines, queues),
      streamUrl: engines.streamUrl,
      queuesUrl: engines.queuesUrl,
      dataDir: join(dataDir, "workers"),
    }));
    const [{ engines }, doors, workers] = await settled([
      reachable,
      run<DoorsOptions, DoorsReady>("doors", instead?.doors ?? fileOf("doors"), doorsOptions, async (ready) => ({
        ...(await doorsOptions),
        ...ready,
      })),
      run<WorkersOptions, WorkersReady>(
        "workers",
        instead?.workers ?? fileOf("workers"),
        workersOptions,
        async (ready) => ({ ...(await workersOptions), ...ready }),
      ),
    ]);
    const all: Addresses = {
      ...engines,
      ingestUrl: `http://127.0.0.1:${doors.ingestPort}`,
      apiUrl: `http://127.0.0.1:${doors.apiPort}`,
      workersUrl: `http://127.0.0.1:${workers.metricsPort}`,
    };
    reached = all;
    writeRun();
    return { addresses: all, stop: stopAll };
  } catch (error) {
    await stopAll();
    throw error;
  }
}

const storesOf = (engines: Engines, queues: Queues): StoresSettings => ({
  aws: { region: LOCAL.region, endpoint: engines.streamUrl },
  stream: LOCAL.stream,
  privacy: { addressHashKey: LOCAL.addressHashKey, geoipDatabase: env.stores.privacy.geoipDatabase },
  queues: { endpoint: engines.queuesUrl, ...queues, largeBucket: LOCAL.largeBucket },
  archive: { endpoint: engines.queuesUrl, bucket: LOCAL.archiveBucket },
  clickhouse: { url: engines.clickhouseUrl, username: "default", password: "", database: LOCAL.database },
  postgresUrl: engines.postgresUrl,
  redis: { url: engines.cacheUrl, token: LOCAL.redisToken },
});

const isEngine = ({ name }: Supervised<unknown>) => name !== "doors" && name !== "workers";

/** Waits for all, so that none is still starting when the first failure is thrown. */
async function settled<T extends readonly unknown[]>(promises: { [K in keyof T]: Promise<T[K]> }): Promise<T> {
  await Promise.allSettled(promises);
  return (await Promise.all(promises)) as unknown as T;
}

const runFile = (dataDir: string): string => join(dataDir, "run.json");

/** Replaced in one step, so that a reader never sees half of it. */
function writeRunFile(dataDir: string, children: readonly Supervised<unknown>[], reached: Partial<Addresses>): void {
  const pids = Object.fromEntries(children.map(({ name, pid }) => [name, pid()]));
  const file = runFile(dataDir);
  writeFileSync(`${file}.new`, JSON.stringify({ pid: process.pid, ...reached, children: pids }, null, 2));
  renameSync(`${file}.new`, file);
}
