import { kinesaliteDb, type LevelIterator, type Store, type Sublevel } from "./kinesalite.ts";

const KEYS_PER_DELETE = 1_000;

/**
 * Deletes what is older than its stream's retention. kinesalite deletes an expired record only when somebody reads it
 * again, which a consumer that moved on never does, so its data would grow without end. Returns how many went.
 */
export async function trimExpired(store: Store, nowMs: number): Promise<number> {
  let trimmed = 0;
  for await (const stream of store.metaDb.createValueStream()) {
    const oldestMs = nowMs - stream.RetentionPeriodHours * 3_600_000;
    for (const index of stream.Shards.keys()) {
      const range = { gte: kinesaliteDb.shardIxToHex(index), lt: kinesaliteDb.shardIxToHex(index + 1), values: false };
      for (;;) {
        const db = store.getStreamDb(stream.StreamName);
        const keys = await expiredKeys(db.iterator(range), oldestMs);
        if (keys.length > 0) await deleteKeys(db, keys);
        trimmed += keys.length;
        if (keys.length < KEYS_PER_DELETE) break;
      }
    }
  }
  return trimmed;
}

/** Keys are in order of arrival, so the first that is young enough ends the search. */
async function expiredKeys(iterator: LevelIterator, oldestMs: number): Promise<string[]> {
  const keys: string[] = [];
  const next = () =>
    new Promise<string | undefined>((resolve, reject) => {
      iterator.next((error, key) => (error ? reject(error) : resolve(key)));
    });
  try {
    for (let key = await next(); key !== undefined && keys.length < KEYS_PER_DELETE; key = await next()) {
      if (kinesaliteDb.parseSequence(key.slice(key.indexOf("/") + 1)).seqTime >= oldestMs) break;
      keys.push(key);
    }
  } finally {
    await new Promise<void>((resolve) => iterator.end(() => resolve()));
  }
  return keys;
}

const deleteKeys = (db: Sublevel, keys: string[]) =>
  new Promise<void>((resolve, reject) => {
    const operations = keys.map((key) => ({ type: "del" as const, key }));
    db.batch(operations, (error) => (error ? reject(error) : resolve()));
  });
