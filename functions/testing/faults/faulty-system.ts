import { gzipSync } from "node:zlib";
import type { EngineName, EngineReady } from "../../../stacks/local/engines/list.ts";
import { decodeFrame } from "../../event/frame.ts";
import { valuesOf } from "../../event/frame-reader.ts";
import type { Stores } from "../../stores/open.ts";
import { EPOCH_KEY } from "../../stores/redis/epoch.ts";
import { openEngineSystem, type Tenant } from "../engine-system.ts";
import { faultyStores } from "./faulty-stores.ts";
import type { StoredRow } from "./invariants.ts";
import type { Schedule } from "./schedule.ts";

export type FaultySystem = Awaited<ReturnType<typeof openFaultySystem>>;
export type Answer = { status: number; headers: Headers; text: string; body: Record<string, unknown> };
type Sending = { gzip?: boolean; headers?: Record<string, string> };

/**
 * The doors and consumers over real engines, whose ports meet the faults of `schedule`, and what a test asks of them. The
 * table is new and so the epoch is back-dated: a claim that is clean is believed, as in a system that ran for a day.
 */
export async function openFaultySystem(
  engines: Record<EngineName, EngineReady>,
  schedule: Schedule,
  wrap: (stores: Stores) => Stores = (stores) => faultyStores(stores, schedule),
) {
  const system = await openEngineSystem(engines, { wrap, shards: 2 });
  await system.cache.client.set(EPOCH_KEY, String(Date.now() - 2 * 24 * 60 * 60 * 1_000));
  /** The rows of a workspace in the order of the stream; `n` and `text` are properties of their events. */
  const rows = async ({ workspaceId }: Pick<Tenant, "workspaceId">): Promise<StoredRow[]> => {
    const query = `SELECT message_id AS id, anonymous_id AS key, toString(properties.n) AS n, toString(properties.text) AS props,
      concat(_shard, '/', toString(_seq), '/', toString(_sub)) AS position
      FROM events WHERE workspace_id = {workspaceId: UUID} ORDER BY _shard, _seq, _sub`;
    const found = await system.clickhouse.query({ query, query_params: { workspaceId }, format: "JSONEachRow" });
    const stored = await found.json<Omit<StoredRow, "n"> & { n: string }>();
    return stored.map(({ n, ...row }) => ({ ...row, n: Number(n) }));
  };
  /** Ends the faults and empties the queues and the stream: what is nowhere then is lost. */
  const settle = async () => {
    await schedule.heal();
    await system.drainRetries();
    await system.drainStream();
    await system.drainDeadLetters();
  };
  return {
    ...system,
    /** A call as an SDK makes it; text and bytes are sent as they are. */
    post: async (tenant: Tenant, path: string, body: object | string, { gzip = false, headers = {} }: Sending = {}) => {
      const text = typeof body === "string" ? body : JSON.stringify(body);
      const response = await system.ingest.request(path, {
        method: "POST",
        headers: { "x-write-key": tenant.writeKey, ...(gzip && { "content-encoding": "gzip" }), ...headers },
        body: gzip ? gzipSync(text) : text,
      });
      return answerOf(response);
    },
    /** The events as they lie on the stream, in its order within each shard. */
    onStream: async () => {
      const shards = await system.records();
      return shards.flatMap(({ records }) =>
        records.flatMap(({ data }) => {
          const frame = decodeFrame(Buffer.from(data));
          const ids = valuesOf(frame, "message_id").map(String);
          return ids.map((id, at) => ({ id, workspaceId: frame.workspaceId, suspect: frame.suspects[at] === 1 }));
        }),
      );
    },
    rows,
    /** The message ids of a workspace's dead letters. */
    letters: async ({ workspaceId }: Pick<Tenant, "workspaceId">): Promise<string[]> => {
      const query = "SELECT message_id FROM dead_letters WHERE workspace_id = {workspaceId: UUID}";
      const found = await system.clickhouse.query({ query, query_params: { workspaceId }, format: "JSONEachRow" });
      return (await found.json<{ message_id: string }>()).map(({ message_id }) => message_id);
    },
    settle,
    /** Those of `ids` that are stored when nothing is under way any more, in the order of the stream: each copy is named. */
    storedOf: async (tenant: Pick<Tenant, "workspaceId">, ids: readonly string[]): Promise<string[]> => {
      await settle();
      return (await rows(tenant)).map(({ id }) => id).filter((id) => ids.includes(id));
    },
  };
}

async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: JSON.parse(text) };
}

/** A track event of now, with a place in the order of its key. */
export const anEvent = (id: string, n = 0, fields: object = {}) => ({
  type: "track",
  event: "Step",
  messageId: id,
  anonymousId: "anon-1",
  timestamp: new Date().toISOString(),
  properties: { n, text: `text of ${id}` },
  ...fields,
});

/** Ids that no other test has. */
export const idsOf = (count: number, name: string): string[] =>
  Array.from({ length: count }, (_, index) => `${name}-${index}`);
