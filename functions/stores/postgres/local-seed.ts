import { hashOfToken, tokenOf } from "../../auth/api-token.ts";
import { hashOfKey, writeKeyOf } from "../../registry/write-key.ts";
import type { PostgresDb } from "./client.ts";
import { asked } from "./postgres-error.ts";
import { apiTokens } from "./schema/api-tokens.ts";
import { sources } from "./schema/sources.ts";
import { workspaces } from "./schema/workspaces.ts";
import { writeKeys } from "./schema/write-keys.ts";

/** The first source of a local workspace, the same on every machine. */
export const LOCAL_SOURCE_ID = "00000000-0000-4000-8000-000000000002";

/**
 * The workspace, source, write key and API token of local mode, which alone may call this: its credentials are known to
 * everybody. Adds what is missing and changes nothing that is there, so what was revoked stays revoked. Decision 21.
 */
export async function seedLocal(
  db: PostgresDb,
  { workspaceId, writeKey, apiToken }: { workspaceId: string; writeKey: string; apiToken: string },
): Promise<void> {
  const sourceId = LOCAL_SOURCE_ID;
  const key = { keyHash: hashOfKey(writeKey), hint: writeKeyOf(writeKey).hint };
  const token = { tokenHash: hashOfToken(apiToken), hint: tokenOf(apiToken).hint, name: "Local", scopes: ["*"] };
  await asked(
    db.transaction(async (tx) => {
      await tx.insert(workspaces).values({ id: workspaceId, name: "Local", tier: "enterprise" }).onConflictDoNothing();
      await tx.insert(sources).values({ id: sourceId, workspaceId, name: "Local" }).onConflictDoNothing();
      await tx
        .insert(writeKeys)
        .values({ workspaceId, sourceId, ...key })
        .onConflictDoNothing();
      await tx
        .insert(apiTokens)
        .values({ workspaceId, ...token })
        .onConflictDoNothing();
    }),
  );
}
