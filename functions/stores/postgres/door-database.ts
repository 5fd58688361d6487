import { createTokenByHash } from "./api-tokens.ts";
import { openPostgres } from "./client.ts";
import { createLoadRules } from "./rules.ts";
import { createSchemaStore } from "./schemas.ts";
import { createSourceByLookup } from "./source-by-lookup.ts";

/**
 * What the ingest door asks of the database, and the query door of tokens: the latter over the pool that it has already.
 * Loaded with the first question: a warm cache answers most of them.
 */
export function openDoorDatabase(url: string, { db, ping } = openPostgres(url)) {
  return {
    ping,
    sourceByLookup: createSourceByLookup(db),
    schemaStore: createSchemaStore(db),
    loadRules: createLoadRules(db),
    tokenByHash: createTokenByHash(db),
  };
}
