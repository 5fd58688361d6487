import { eq } from "drizzle-orm";
import type { ApiToken } from "../../auth/api-token.ts";
import type { PostgresDb } from "./client.ts";
import { asked } from "./postgres-error.ts";
import { apiTokens } from "./schema/api-tokens.ts";

/**
 * What is stored of the token with this SHA-256 in hexadecimal, expired and revoked ones too: `authorize` judges them.
 * Null when there is none; throws `unavailable` when the database cannot say.
 */
export const createTokenByHash =
  (db: PostgresDb) =>
  async (tokenHash: string): Promise<ApiToken | null> => {
    const { workspaceId, scopes, expiresAt, revokedAt } = apiTokens;
    const [found] = await asked(
      db
        .select({ workspaceId, scopes, expiresAt, revokedAt })
        .from(apiTokens)
        .where(eq(apiTokens.tokenHash, tokenHash)),
    );
    return found ? toApiToken(found) : null;
  };

type Row = Pick<typeof apiTokens.$inferSelect, "workspaceId" | "scopes" | "expiresAt" | "revokedAt">;

const toApiToken = ({ workspaceId, scopes, expiresAt, revokedAt }: Row): ApiToken => ({
  workspaceId,
  scopes,
  expiresAt: expiresAt?.getTime(),
  revokedAt: revokedAt?.getTime(),
});
