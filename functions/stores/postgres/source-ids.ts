import { eq } from "drizzle-orm";
import type { PostgresDb } from "./client.ts";
import { asked } from "./postgres-error.ts";
import { sources } from "./schema/sources.ts";

/** The ids of a workspace's sources, the oldest first. Throws `unavailable` when the database is away. */
export const createSourceIdsOf =
  (db: PostgresDb) =>
  async (workspaceId: string): Promise<string[]> => {
    const rows = await asked(
      db
        .select({ id: sources.id })
        .from(sources)
        .where(eq(sources.workspaceId, workspaceId))
        .orderBy(sources.createdAt, sources.id),
    );
    return rows.map(({ id }) => id);
  };
