import { inArray } from "drizzle-orm";
import { hashOfKey, writeKeyOf } from "../../../functions/registry/write-key.ts";
import { openPostgres } from "../../../functions/stores/postgres/client.ts";
import { asked } from "../../../functions/stores/postgres/postgres-error.ts";
import { writeKeys } from "../../../functions/stores/postgres/schema/write-keys.ts";
import { createAddSource } from "../../../functions/stores/postgres/sources.ts";
import { LOCAL } from "../local-mode.ts";
import type { Keys } from "./send.ts";
import { SOURCES } from "./tape.ts";

const NAMES: Keys = { web: "Shop (web)", app: "Shop (app)", server: "Shop (server)" };
const KEYS: Keys = { web: "wk_demo_web", app: "wk_demo_app", server: "wk_demo_server" };

/**
 * The shop's three sources in the local workspace, which must be there, and their keys. Adds what is missing and changes
 * nothing that is there: a key that was revoked stays so. For local mode only, the keys are known to everybody. Throws
 * `unavailable` when the database does not answer.
 */
export async function addDemoSources(postgresUrl: string): Promise<Keys> {
  const { db, close } = openPostgres(postgresUrl);
  try {
    const hashes = SOURCES.map((source) => hashOfKey(KEYS[source]));
    const there = await asked(
      db.select({ keyHash: writeKeys.keyHash }).from(writeKeys).where(inArray(writeKeys.keyHash, hashes)),
    );
    const known = new Set(there.map(({ keyHash }) => keyHash));
    for (const source of SOURCES.filter((_, at) => !known.has(hashes[at] ?? "")))
      await createAddSource(db)({
        workspaceId: LOCAL.workspaceId,
        name: NAMES[source],
        writeKey: writeKeyOf(KEYS[source]),
      });
  } finally {
    await close();
  }
  return KEYS;
}
