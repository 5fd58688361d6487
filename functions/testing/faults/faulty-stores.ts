import type { PutFrames } from "../../ingest/publish.ts";
import { AppError } from "../../kit/errors.ts";
import type { Stores } from "../../stores/open.ts";
import { shuffled } from "./chance.ts";
import { faulty, type Says } from "./faulty.ts";
import type { Schedule } from "./schedule.ts";

/**
 * The stores of a door or a consumer, each of whose ports meets the faults that a schedule has under its name: of stream,
 * queues, cache, warehouse, database and archive. What the ports promise holds: a put says refused or unknown and never
 * throws, settling never throws, all others throw whenever they are not sure.
 */
export function faultyStores(stores: Stores, { of, chanceOf }: Schedule): Stores {
  const port = <Args extends readonly unknown[], Answer>(
    name: string,
    real: (...args: Args) => Promise<Answer>,
    says: Says<Args, Answer> = throwing(`${name} is away`),
  ) => faulty(real, says, of(name), chanceOf(name));
  const { warehouse, archive, schemas } = stores;
  return {
    ...stores,
    putFrames: port("putFrames", stores.putFrames, puts),
    spill: port("spill", stores.spill, puts),
    reject: port("reject", stores.reject),
    sendRetries: port("sendRetries", stores.sendRetries),
    readRetries: port("readRetries", stores.readRetries),
    readLetters: port("readLetters", stores.readLetters),
    admit: port("admit", stores.admit, {
      refused: unchecked,
      // The cache claimed, and its answer never came: the port then knows nothing of any id.
      unknown: (_, answer) =>
        answer ? { ...answer, claims: answer.claims.map(() => "suspect" as const) } : unchecked(),
    }),
    settleClaims: port("settleClaims", stores.settleClaims, { refused: async () => {}, unknown: async () => {} }),
    readLive: port("readLive", stores.readLive),
    countsOf: port("countsOf", stores.countsOf),
    schemas: {
      ...schemas,
      load: port("schemasLoad", schemas.load),
      learn: port("schemasLearn", schemas.learn),
    },
    tokenByHash: port("tokenByHash", stores.tokenByHash),
    sourceIdsOf: port("sourceIdsOf", stores.sourceIdsOf),
    runQuery: port("runQuery", stores.runQuery) as Stores["runQuery"],
    warehouse: {
      storedPositions: port("storedPositions", warehouse.storedPositions),
      storedCount: port("storedCount", warehouse.storedCount),
      storedMessageIds: port("storedMessageIds", warehouse.storedMessageIds),
      recentSuspects: port("recentSuspects", warehouse.recentSuspects),
      noteSuspects: port("noteSuspects", warehouse.noteSuspects),
      insert: port("insert", warehouse.insert),
      storeLetters: port("storeLetters", warehouse.storeLetters),
      noteReplays: port("noteReplays", warehouse.noteReplays),
    },
    archive: {
      put: port("archivePut", archive.put),
      get: port("archiveGet", archive.get),
      keysIn: port("archiveKeysIn", archive.keysIn),
      foldersIn: port("archiveFoldersIn", archive.foldersIn),
    },
  };
}

const unchecked = (): never => {
  throw new AppError("unavailable", "the write key cannot be checked now, send again", { retryAfterSeconds: 5 });
};

type PutArgs = Parameters<PutFrames>;
type PutAnswer = Awaited<ReturnType<PutFrames>>;

/** Puts as Kinesis and SQS treat them: each entry has its own outcome, and the order inside a call is nobody's promise. */
export const puts: Says<PutArgs, PutAnswer> = {
  refused: (entries) => entries.map(() => "refused"),
  unknown: ([entries]) => entries.map(() => "unknown"),
  partial: async (port, [entries], chance) => {
    const passes = entries.map(() => chance() < 0.5);
    const results = (await port(entries.filter((_, index) => passes[index]))).values();
    return passes.map((passed) => (passed ? (results.next().value ?? "unknown") : "refused"));
  },
  reorder: async (port, [entries], chance) => {
    const order = shuffled(chance, entries);
    const results = await port(order);
    return entries.map((entry) => results[order.indexOf(entry)] ?? "unknown");
  },
  sent: ([entries]) => [entries.map((entry) => ({ ...entry, record: Buffer.from(entry.record) }))],
  corrupt: ([entries], chance) => [
    entries.map((entry) => {
      const record = Buffer.from(entry.record);
      const at = Math.floor(chance() * record.length);
      record.writeUInt8(record.readUInt8(at) ^ 1, at);
      return { ...entry, record };
    }),
  ],
};

/** A port that throws whenever it is not sure. */
const throwing = <Args extends readonly unknown[], Answer>(message: string): Says<Args, Answer> => ({
  refused: () => {
    throw new Error(message);
  },
  unknown: () => {
    throw new Error(`${message}, or its answer was lost`);
  },
});
