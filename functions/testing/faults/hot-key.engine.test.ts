import { afterAll, beforeAll, expect, inject, test, vi } from "vitest";
import { stableHash } from "../../event/order-key.ts";
import { log } from "../../kit/log.ts";
import { type EngineSystem, openEngineSystem } from "../engine-system.ts";
import { anEvent, idsOf } from "./faulty-system.ts";

// A busy machine must not look like a stream that is away.
vi.hoisted(() => {
  process.env.PUBLISH_BUDGET_MS = "20000";
});
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
log.level = "silent";

const BUCKETS = 4;
const bucketOf = (id: string) => stableHash(id) % BUCKETS;
const HOT = "one id at 100 x";
const OTHERS = idsOf(40, "person")
  .filter((person) => bucketOf(person) !== bucketOf(HOT))
  .slice(0, 12);

let system: EngineSystem;
beforeAll(async () => {
  // A shard for each bucket, as a workspace that is busy has them.
  system = await openEngineSystem(inject("engines"), { shards: BUCKETS });
});
afterAll(() => system?.close());

test("F27 one id at 100 times the load: others are answered and stored before it, and its own order is kept", async () => {
  const shop = await system.tenant();
  const answered: string[] = [];
  const post = async (who: string, batch: object[]) => {
    const { status, body } = await system.send(shop, "/v1/batch", { batch });
    expect([status, body.accepted]).toEqual([200, batch.length]);
    answered.push(who);
  };
  // More than one frame may hold, many times over: it waits in its own lane.
  const noise = "x".repeat(2_000);
  const hot = Array.from({ length: 12 }, (_, request) =>
    Array.from({ length: 100 }, (_, at) => {
      const n = request * 100 + at;
      return anEvent(`hot-${n}`, n, { anonymousId: HOT, properties: { n, text: noise } });
    }),
  );
  const burst = hot.map((batch) => post("hot", batch));
  const others = OTHERS.map((person) => post("other", [anEvent(`of ${person}`, 0, { anonymousId: person })]));
  await Promise.all([...burst, ...others]);
  expect(answered.lastIndexOf("other")).toBeLessThan(answered.lastIndexOf("hot"));

  // Its events lie on one shard, in one order; nobody else's wait behind them.
  const shards = await system.records();
  const withHot = shards.filter(({ records }) =>
    records.some(({ partitionKey }) => isHot(partitionKey, shop.workspaceId)),
  );
  expect(withHot).toHaveLength(1);
  const stored = async (person: string) => {
    const query = `SELECT message_id FROM events WHERE workspace_id = {workspaceId: UUID} AND anonymous_id = {person: String}
      ORDER BY _shard, _seq, _sub`;
    const query_params = { workspaceId: shop.workspaceId, person };
    const found = await system.clickhouse.query({ query, query_params, format: "JSONEachRow" });
    return (await found.json<{ message_id: string }>()).map(({ message_id }) => message_id);
  };
  // The hot shard's consumer stands still: the others' do not.
  const [hotShard] = withHot;
  await system.drainStream(10_000, ({ shard }) => shard !== hotShard?.shard);
  for (const person of OTHERS) expect(await stored(person)).toEqual([`of ${person}`]);
  expect(await stored(HOT)).toEqual([]);
  await system.drainStream();
  const ids = await stored(HOT);
  expect(ids).toHaveLength(1_200);
  // Requests that came at once have no order among themselves; the events of each have.
  for (const batch of hot) {
    const own = new Set(batch.map(({ messageId }) => messageId));
    expect(ids.filter((id) => own.has(id))).toEqual([...own]);
  }
});

const isHot = (partitionKey: string, workspaceId: string) => partitionKey === `${workspaceId}:${bucketOf(HOT)}`;
