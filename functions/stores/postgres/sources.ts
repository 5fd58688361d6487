import { hashOfKey, newWriteKey, type WriteKey } from "../../registry/write-key.ts";
import type { PostgresDb } from "./client.ts";
import { asked } from "./postgres-error.ts";
import { sources } from "./schema/sources.ts";
import { writeKeys } from "./schema/write-keys.ts";

/** Adds a source as it is by default with its write key, a new one unless one is given; the key can be read here and never again. */
export const createAddSource =
  (db: PostgresDb) =>
  async (given: {
    workspaceId: string;
    name: string;
    writeKey?: WriteKey;
  }): Promise<{ sourceId: string; writeKey: WriteKey }> => {
    const { workspaceId, name, writeKey = newWriteKey() } = given;
    const sourceId = await asked(
      db.transaction(async (tx) => {
        const [added] = await tx.insert(sources).values({ workspaceId, name }).returning({ id: sources.id });
        if (!added) throw new Error("Postgres returned no row for an insert");
        const key = { keyHash: hashOfKey(writeKey.reveal()), hint: writeKey.hint };
        await tx.insert(writeKeys).values({ workspaceId, sourceId: added.id, ...key });
        return added.id;
      }),
    );
    return { sourceId, writeKey };
  };
