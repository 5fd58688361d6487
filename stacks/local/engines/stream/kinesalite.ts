import type { RequestListener, Server } from "node:http";
import { createRequire } from "node:module";
import { createGetRecords } from "./get-records.ts";
import { ring } from "./long-poll.ts";
import { type SequenceArithmetic, withFastSequences } from "./sequence.ts";

/** What we touch of kinesalite's LevelDB: keys are `<shard in hex>/<sequence number>`, values JSON. */
export type Sublevel = {
  iterator: (options: { gte: string; lt: string; values?: boolean; highWaterMark?: number }) => LevelIterator;
  createValueStream: () => AsyncIterable<Stream>;
  batch: (operations: { type: "del"; key: string }[], done: (error?: Error) => void) => void;
};
export type LevelIterator = {
  next: (done: (error: Error | undefined, key: string | undefined, value: StoredRecord) => void) => void;
  end: (done: (error?: Error) => void) => void;
};
export type StoredRecord = { PartitionKey: string; Data: string; ApproximateArrivalTimestamp: number };
export type Stream = {
  StreamName: string;
  RetentionPeriodHours: number;
  Shards: { ShardId: string; SequenceNumberRange: { EndingSequenceNumber?: string } }[];
};
export type Store = {
  db: { close: (done: () => void) => void; open: (done: (error?: Error) => void) => void; on: EventSubscription };
  metaDb: Sublevel;
  getStreamDb: (name: string) => Sublevel;
  getStream: (name: string, done: (error: Error | null, stream: Stream) => void) => void;
};
type EventSubscription = (event: "error", listener: (error: Error) => void) => void;
export type KinesaliteDb = SequenceArithmetic & {
  create: (options: object) => Store;
  clientError: (type: string, message: string) => Error;
  serverError: (type: string, message: string) => Error;
  createShardIterator: (stream: string, shardId: string, sequenceNumber: string) => string;
  shardIxToHex: (index: number) => string;
  ITERATOR_PWD_KEY: Buffer;
  ITERATOR_PWD_IV: Buffer;
};

/** AWS's limit is 500 and more by request; tests make many streams. */
const SHARDS_MAX = 1_000;

const require = createRequire(import.meta.url);
export const kinesaliteDb = require("kinesalite/db") as KinesaliteDb;

/**
 * Opens kinesalite over the data in `path`, with our own GetRecords and sequence arithmetic in place of its own (the
 * reasons are in their files). Throws when another process has the folder open.
 */
export async function openKinesalite(path: string): Promise<{ store: Store; handle: RequestListener }> {
  Object.assign(kinesaliteDb, withFastSequences(kinesaliteDb));
  replaceAction("getRecords", () => createGetRecords(kinesaliteDb));
  replaceAction("putRecord", ringing);
  replaceAction("putRecords", ringing);
  const opened: Store[] = [];
  const { create } = kinesaliteDb;
  kinesaliteDb.create = (options) => {
    const store = create(options);
    opened.push(store);
    return store;
  };
  const kinesalite = require("kinesalite") as (options: object) => Server;
  const server = kinesalite({ path, shardLimit: SHARDS_MAX, createStreamMs: 0, deleteStreamMs: 0, updateStreamMs: 0 });
  kinesaliteDb.create = create;
  const [store] = opened;
  const [handle] = server.listeners("request") as RequestListener[];
  if (!store || !handle) throw new Error("kinesalite is not built as expected: pin 3.3.3");
  await new Promise<void>((resolve, reject) => {
    store.db.on("error", reject);
    store.db.open((error) => (error ? reject(error) : resolve()));
  });
  return { store, handle };
}

/** One of kinesalite's actions: an error with a status is the client's answer, any other ends the process. */
export type Action<Request, Answer> = (
  store: Store,
  request: Request,
  done: (error: Error | null | undefined, answer?: Answer) => void,
) => void;
type Put = Action<{ StreamName: string }, { ShardId?: string; Records?: { ShardId: string }[] }>;

const ringing =
  (put: Put): Put =>
  (store, request, done) =>
    put(store, request, (error, answer) => {
      done(error, answer);
      const shards = new Set([answer?.ShardId, ...(answer?.Records ?? []).map((record) => record.ShardId)]);
      for (const shardId of shards) if (shardId !== undefined) ring(request.StreamName, shardId);
    });

function replaceAction<Replaced>(name: string, replace: (original: Replaced) => Replaced): void {
  const path = require.resolve(`kinesalite/actions/${name}.js`);
  const original = require(path) as Replaced;
  const loaded = require.cache[path];
  if (loaded) loaded.exports = replace(original);
}
