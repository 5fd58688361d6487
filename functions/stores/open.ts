import { DescribeStreamSummaryCommand } from "@aws-sdk/client-kinesis";
import { SQSClient } from "@aws-sdk/client-sqs";
import type { Env } from "../kit/env.ts";
import { newId } from "../kit/id.ts";
import { onFirstCall } from "../kit/on-first-call.ts";
import { clientConfig } from "./aws/client.ts";
import { createPutClient, createPutFrames } from "./aws/put-frames.ts";
import { createRejectRecords } from "./aws/rejected-queue.ts";
import { createClickHouse } from "./clickhouse/client.ts";
import { createInsertEvents } from "./clickhouse/insert-events.ts";
import { createInsertNative } from "./clickhouse/insert-rows.ts";
import { createRunQuery } from "./clickhouse/run-query.ts";
import { createStoredKeys } from "./clickhouse/stored-keys.ts";
import { createTokenByHash } from "./postgres/api-tokens.ts";
import { openPostgres } from "./postgres/client.ts";
import { createSourceByKeyHash } from "./postgres/sources.ts";
import { createAdmit } from "./redis/admit.ts";
import { createRedis } from "./redis/client.ts";
import { createGrouped } from "./redis/grouped.ts";
import { createSettleClaims } from "./redis/settle-claims.ts";

export type StoresSettings = Env["stores"];
export type Stores = ReturnType<typeof openStores>;

/** A key that was revoked is refused within this much of the isolate's share (decision 12). */
const ISOLATE_KEY_MS = 5_000;
/** SQS calls are idempotent for us: the SDK may repeat them. */
const QUEUE_CALL = { attempts: 3, timeoutMs: 5_000 };

/**
 * Every port over its client. A client is opened when it is first used, so that a function opens only what it needs; a
 * setting that is missing is an error then, never a silent nothing. Local mode passes the addresses of its own engines.
 */
export function openStores(settings: StoresSettings) {
  const kinesis = once(() => createPutClient(settings.aws));
  const sqs = once(() => new SQSClient(clientConfig(settings.aws, QUEUE_CALL)));
  const clickhouse = once(() =>
    createClickHouse({ ...settings.clickhouse, url: need(settings.clickhouse.url, "CLICKHOUSE_URL") }),
  );
  const postgres = once(() => openPostgres(need(settings.postgresUrl, "POSTGRES_URL")));
  const redis = once(() =>
    createGrouped({
      client: createRedis({ ...settings.redis, url: need(settings.redis.url, "UPSTASH_REDIS_REST_URL") }),
    }),
  );
  const storedKeys = once(() => createStoredKeys(clickhouse()));
  const ping = { characters: 4, add: (pipeline: { ping: () => unknown }) => void pipeline.ping() };

  return {
    admit: onFirstCall(() =>
      createAdmit({
        redis: redis(),
        sourceByKeyHash: onFirstCall(() => createSourceByKeyHash(postgres().db)),
        now: Date.now,
        isolateMs: ISOLATE_KEY_MS,
      }),
    ),
    settleClaims: onFirstCall(() => createSettleClaims({ redis: redis() })),
    putFrames: onFirstCall(() => createPutFrames(kinesis(), settings.stream)),
    reject: onFirstCall(() => createRejectRecords(sqs(), need(settings.dlqUrl, "DLQ_QUEUE_URL"))),
    warehouse: {
      storedPositions: onFirstCall(() => storedKeys().storedPositions),
      storedCount: onFirstCall(() => storedKeys().storedCount),
      storedMessageIds: onFirstCall(() => storedKeys().storedMessageIds),
      insert: onFirstCall(() => createInsertEvents(createInsertNative(clickhouse()), newId)),
    },
    runQuery: onFirstCall(() => createRunQuery(clickhouse())) as ReturnType<typeof createRunQuery>,
    tokenByHash: onFirstCall(() => createTokenByHash(postgres().db)),
    probes: {
      stream: () => kinesis().send(new DescribeStreamSummaryCommand({ StreamName: settings.stream })),
      warehouse: async () => {
        const { success } = await clickhouse().ping();
        if (!success) throw new Error("the warehouse does not answer");
      },
      database: () => postgres().ping(),
      cache: () => redis()(ping),
    },
  };
}

const once = <T>(make: () => T): (() => T) =>
  onFirstCall(() => {
    const made = make();
    return () => made;
  });

function need(value: string | undefined, variable: string): string {
  if (value === undefined) throw new Error(`${variable} is not set`);
  return value;
}
