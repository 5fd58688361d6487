import type { FauxqsApp } from "./start-queues.ts";

/** What we touch of fauxqs 2.4. Its `startFauxqs` binds every address, so its parts are put together here. */
export type Queue = {
  name: string;
  url: string;
  persistence: unknown;
  inflightMessages: Map<string, { message: { approximateReceiveCount: number } }>;
  dequeue: (...args: unknown[]) => unknown;
  changeVisibility: (receiptHandle: string, seconds: number) => void;
};
export type SqsStore = {
  host: string;
  persistence: unknown;
  queues: Map<string, Queue>;
  getQueue: (url: string) => Queue | undefined;
};
type Persistence = {
  db: { exec: (sql: string) => void; prepare: (sql: string) => { run: (...values: unknown[]) => void } };
  load: (sqs: SqsStore, sns: object, s3: object) => void;
  transaction: (work: () => void) => void;
  updateMessageReady: (messageId: string) => void;
  close: () => void;
};
type Stored = { persistence: unknown };

/** fauxqs's stores over its SQLite file in `dataDir`, every change written through, and the app that serves them. */
export async function openFauxqs(dataDir: string) {
  const { buildApp } = (await import("fauxqs")) as unknown as { buildApp: (options: object) => FauxqsApp };
  const { SqsStore, SqsQueue } = await part<{ SqsStore: new () => SqsStore; SqsQueue: { prototype: Queue } }>(
    "sqs/sqsStore.js",
  );
  const { SnsStore } = await part<{ SnsStore: new () => Stored }>("sns/snsStore.js");
  const { S3Store } = await part<{ S3Store: new () => Stored }>("s3/s3Store.js");
  const { PersistenceManager } = await part<{ PersistenceManager: new (dataDir: string) => Persistence }>(
    "persistence.js",
  );
  const [sqsStore, snsStore, s3Store] = [new SqsStore(), new SnsStore(), new S3Store()];
  const persistence = new PersistenceManager(dataDir);
  repairPersistence(persistence, SqsQueue.prototype);
  await allowEveryCharacter();

  // Before the stores know their persistence: loading must not write.
  persistence.load(sqsStore, snsStore, s3Store);
  for (const stored of [...sqsStore.queues.values(), sqsStore, snsStore, s3Store]) stored.persistence = persistence;
  // Queue URLs then carry the host of the request, 127.0.0.1, and not a name that needs a resolver.
  sqsStore.host = "";
  const app = buildApp({ logger: false, stores: { sqsStore, snsStore, s3Store } });
  app.addHook("onClose", async () => persistence.close());
  return { app, sqsStore };
}

/** The package exports its entry only; its files are reached by path, which the pinned version makes safe. */
const part = <Exports>(file: string): Promise<Exports> => import(new URL(file, import.meta.resolve("fauxqs")).href);

function repairPersistence(persistence: Persistence, queue: Queue): void {
  // What was answered must survive the end of the process, not a power cut: no flush to the disk for each message.
  persistence.db.exec("PRAGMA synchronous = NORMAL");
  // fauxqs 2.4.1 writes NULL into a NOT NULL column here, so making a message visible at once was an error.
  const ready = persistence.db.prepare(
    "UPDATE sqs_messages SET receipt_handle = NULL, visibility_deadline = NULL WHERE message_id = ?",
  );
  persistence.updateMessageReady = (messageId) => ready.run(messageId);
  // A message on its way to the dead-letter queue is deleted and inserted: a kill in between must not lose it.
  const dequeue = queue.dequeue;
  queue.dequeue = function (this: Queue, ...args) {
    let messages: unknown;
    persistence.transaction(() => {
      messages = dequeue.apply(this, args);
    });
    return messages;
  };
}

/** fauxqs refuses every character beyond U+FFFF, an emoji for instance; SQS takes them. */
async function allowEveryCharacter(): Promise<void> {
  const { INVALID_MESSAGE_BODY_CHAR } = await part<{ INVALID_MESSAGE_BODY_CHAR: RegExp }>("sqs/sqsTypes.js");
  const refused = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/u;
  INVALID_MESSAGE_BODY_CHAR.test = (body) => refused.test(body);
}
