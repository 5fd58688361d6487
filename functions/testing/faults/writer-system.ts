import type { KinesisStreamRecord } from "aws-lambda";
import type { EngineName, EngineReady } from "../../../stacks/local/engines/list.ts";
import { wire } from "../../entry/deliver.ts";
import type { CheckedEvent } from "../../event/event.ts";
import { openStores, type Stores } from "../../stores/open.ts";
import { aCheckedEvent, aFrame, aRecord } from "../builders.ts";
import { openEngineSystem } from "../engine-system.ts";

export type WriterSystem = Awaited<ReturnType<typeof openWriterSystem>>;
export type WriterPorts = Partial<Stores["warehouse"]> & Partial<Pick<Stores, "reject">>;

const WITH_TIME = { getRemainingTimeInMillis: () => 60_000 };

/** The writer over real engines, given its batches by hand; each test has a shard of its own. */
export async function openWriterSystem(engines: Record<EngineName, EngineReady>) {
  const system = await openEngineSystem(engines);
  const rowsOf = async (sql: string, query_params: Record<string, unknown> = {}) => {
    const answer = await system.clickhouse.query({ query: sql, query_params, format: "JSONEachRow" });
    return answer.json<Record<string, string>>();
  };
  return {
    ...system,
    rowsOf,
    command: (query: string) => system.clickhouse.command({ query }),
    /** A writer as a process of its own has it: with ports of a test's own, or over another address of the warehouse. */
    writer: (ports: WriterPorts = {}, clickhouseUrl?: string) => {
      const { clickhouse } = system.settings;
      const stores = clickhouseUrl
        ? openStores({ ...system.settings, clickhouse: { ...clickhouse, url: clickhouseUrl } })
        : system.stores;
      const { reject = stores.reject, ...warehouse } = ports;
      const deliver = wire({ ...stores, reject, warehouse: { ...stores.warehouse, ...warehouse } });
      /** Where the batch must begin again; undefined when all of it is done. */
      return async (Records: KinesisStreamRecord[]): Promise<string | undefined> => {
        const { batchItemFailures } = await deliver({ Records }, WITH_TIME);
        return batchItemFailures[0]?.itemIdentifier;
      };
    },
    /** The message ids of a shard's rows, in the order of the stream: each copy is named. */
    ids: async (shard: string) =>
      (
        await rowsOf("SELECT message_id AS id FROM events WHERE _shard = {shard: String} ORDER BY _seq, _sub", {
          shard,
        })
      ).map(({ id }) => id),
    /** The dead letters of a shard, which have come through the queue. */
    letters: async (shard: string) => {
      await system.drainDeadLetters();
      return rowsOf(
        `SELECT * FROM dead_letters WHERE startsWith(trace, {shard: String}) ORDER BY trace LIMIT 1 BY id`,
        { shard: `${shard}:` },
      );
    },
  };
}

/** Records of one event each, with ids such as `f10-3`; `fields` may give some events something of their own. */
export const recordsOf = (
  shard: string,
  count: number,
  fields: (index: number) => Partial<CheckedEvent> = () => ({}),
): KinesisStreamRecord[] =>
  Array.from({ length: count }, (_, index) =>
    aRecord(aFrame([aCheckedEvent({ messageId: `${shard}-${index}`, ...fields(index) })]), index, shard),
  );
export const idsOf = (shard: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${shard}-${index}`);
