import { randomUUID } from "node:crypto";
import { eq } from "drizzle-orm";
import { expect } from "vitest";
import { LOCAL } from "../../../stacks/local/local-mode.ts";
import { writeKeyOf } from "../../registry/write-key.ts";
import { openPostgres } from "../../stores/postgres/client.ts";
import { sourceDomains } from "../../stores/postgres/schema/source-domains.ts";
import { sources } from "../../stores/postgres/schema/sources.ts";
import { createAddSource } from "../../stores/postgres/sources.ts";
import { post, sql } from "../local-client.ts";
import { eventually, type Running } from "../local-system.ts";
import { useLocalSystem } from "../use-local-system.ts";

/** What a test may want of its source: a key that nothing else of this system has, its pages' domain, requests in any 5 s. */
export type WantedSource = {
  writeKey?: string | undefined;
  domain?: string | undefined;
  windowRequestsMax?: number | undefined;
};

/** A source of one test's own, so that whatever is stored under it came from that test's client. */
export type RigSource = { id: string; writeKey: string };

/** One stored event: what it is, and how many rows hold its message id. */
export type Stored = { messageId: string; type: string; event: string; copies: number };

export type Rig = {
  running: () => Running;
  /** A source with a write key of its own. */
  newSource: (wanted?: WantedSource) => Promise<RigSource>;
  /** What is stored of a source, in the order of type and name, once all that was acknowledged before this call is stored. */
  stored: (source: Pick<RigSource, "id">) => Promise<Stored[]>;
  /** How many rows of it meet a condition in SQL; what was acknowledged before may not be there yet. */
  count: (source: Pick<RigSource, "id">, condition: string) => Promise<number>;
};

/** One local system for a test file, as `npm start` runs it, and the database behind its sources. */
export function useRig(): Rig {
  const { running } = useLocalSystem();
  return {
    running,
    newSource: async ({ writeKey: given, domain, windowRequestsMax } = {}) => {
      const { db, close } = openPostgres(running().postgresUrl);
      try {
        const { sourceId, writeKey } = await createAddSource(db)({
          workspaceId: LOCAL.workspaceId,
          name: `Test ${randomUUID()}`,
          ...(given !== undefined && { writeKey: writeKeyOf(given) }),
        });
        if (domain !== undefined)
          await db.insert(sourceDomains).values({ domain, workspaceId: LOCAL.workspaceId, sourceId });
        if (windowRequestsMax !== undefined)
          await db
            .update(sources)
            .set({ limits: { window_requests_max: windowRequestsMax, day_events_max: null } })
            .where(eq(sources.id, sourceId));
        return { id: sourceId, writeKey: writeKey.reveal() };
      } finally {
        await close();
      }
    },
    stored: async ({ id }) => {
      await passAll(running());
      const rows = await sql<[string, string, string, number]>(
        running(),
        `SELECT message_id, type, event, count() FROM events WHERE source_id = '${id}' GROUP BY 1, 2, 3 ORDER BY 2, 3, 1`,
      );
      return rows.map(([messageId, type, event, copies]) => ({ messageId, type, event, copies }));
    },
    count: async ({ id }, condition) => {
      const [row] = await sql<[number]>(
        running(),
        `SELECT count() FROM events WHERE source_id = '${id}' AND ${condition}`,
      );
      return row?.[0] ?? 0;
    },
  };
}

/** More than there are order buckets, so that each gets one. */
const MARKERS = 16;

/**
 * Waits until everything that was acknowledged before is stored: a shard is written in order, so a marker in each order
 * bucket is stored after all that came before it. A count of zero then means "never", not "not yet".
 */
async function passAll(running: Running): Promise<void> {
  const run = randomUUID();
  const batch = Array.from({ length: MARKERS }, (_, n) => ({
    type: "track",
    event: "Marker",
    anonymousId: `${run}-${n}`,
    messageId: `marker-${run}-${n}`,
  }));
  expect((await post(running, "/v1/batch", { batch })).status).toBe(200);
  await eventually(async () => {
    const [row] = await sql<[number]>(
      running,
      `SELECT count() FROM events WHERE startsWith(message_id, 'marker-${run}')`,
    );
    expect(row).toEqual([MARKERS]);
  }, 60_000);
}
