import { and, eq, isNull } from "drizzle-orm";
import type { Source } from "../../registry/source.ts";
import { hashOfKey, newWriteKey, type WriteKey } from "../../registry/write-key.ts";
import type { PostgresDb } from "./client.ts";
import { asked } from "./postgres-error.ts";
import { sources } from "./schema/sources.ts";
import { writeKeys } from "./schema/write-keys.ts";

const SOURCE = { id: sources.id, workspaceId: sources.workspaceId, name: sources.name, enabled: sources.enabled };

/**
 * The source of a key's SHA-256 in hexadecimal, switched off or not; null for a key that nobody has or that was revoked.
 * Throws `unavailable` when the database cannot say. I-05, decision 12.
 */
export const createSourceByKeyHash =
  (db: PostgresDb) =>
  async (keyHash: string): Promise<Source | null> => {
    const [found] = await asked(
      db
        .select(SOURCE)
        .from(writeKeys)
        .innerJoin(sources, eq(sources.id, writeKeys.sourceId))
        .where(and(eq(writeKeys.keyHash, keyHash), isNull(writeKeys.revokedAt))),
    );
    return found ?? null;
  };

/** Adds a source with its write key, a new one unless one is given; the key can be read here and never again. */
export const createAddSource =
  (db: PostgresDb) =>
  async (given: {
    workspaceId: string;
    name: string;
    writeKey?: WriteKey;
  }): Promise<{ source: Source; writeKey: WriteKey }> => {
    const { workspaceId, name, writeKey = newWriteKey() } = given;
    const source = await asked(
      db.transaction(async (tx) => {
        const [added] = await tx.insert(sources).values({ workspaceId, name }).returning(SOURCE);
        if (!added) throw new Error("Postgres returned no row for an insert");
        const key = { keyHash: hashOfKey(writeKey.reveal()), hint: writeKey.hint };
        await tx.insert(writeKeys).values({ workspaceId, sourceId: added.id, ...key });
        return added;
      }),
    );
    return { source, writeKey };
  };
