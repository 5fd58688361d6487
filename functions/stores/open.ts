import { DescribeStreamSummaryCommand } from "@aws-sdk/client-kinesis";
import { GetQueueAttributesCommand, SQSClient } from "@aws-sdk/client-sqs";
import { createHashOfAddress } from "../kit/address-hash.ts";
import type { Env } from "../kit/env.ts";
import { newId } from "../kit/id.ts";
import { onFirstCall } from "../kit/on-first-call.ts";
import { clientConfig } from "./aws/client.ts";
import { createLargeObjects } from "./aws/large-objects.ts";
import { createReadEntries, createSendEntries } from "./aws/message-lines.ts";
import { createPutClient, createPutFrames } from "./aws/put-frames.ts";
import { createReadLetters, createRejectEvents } from "./aws/reject-events.ts";
import { createReadRetries, createSendRetries, createSpill } from "./aws/retry-queue.ts";
import { createClickHouse } from "./clickhouse/client.ts";
import { createInsertEvents } from "./clickhouse/insert-events.ts";
import { createInsertLines } from "./clickhouse/insert-lines.ts";
import { createInsertNative } from "./clickhouse/insert-rows.ts";
import { createRunQuery } from "./clickhouse/run-query.ts";
import { createStoreLetters } from "./clickhouse/store-letters.ts";
import { createNoteReplays } from "./clickhouse/store-replays.ts";
import { createStoredKeys } from "./clickhouse/stored-keys.ts";
import { createPlaceOf } from "./geo/place-of.ts";
import { createTokenByHash } from "./postgres/api-tokens.ts";
import { openPostgres } from "./postgres/client.ts";
import { createManage } from "./postgres/manage/create-manage.ts";
import { createLoadRules, createRulesOf } from "./postgres/rules.ts";
import { createSchemas } from "./postgres/schema-cache.ts";
import { createSchemaStore } from "./postgres/schemas.ts";
import { createSourceByLookup } from "./postgres/source-by-lookup.ts";
import { createSourceIdsOf } from "./postgres/source-ids.ts";
import { createAdmit } from "./redis/admit.ts";
import { createRedis } from "./redis/client.ts";
import { createGrouped } from "./redis/grouped.ts";
import { createIsolateSources } from "./redis/isolate-sources.ts";
import { createKeyListener } from "./redis/key-listener.ts";
import { createCountsOf, createReadLive } from "./redis/live-events.ts";
import { createSettleClaims } from "./redis/settle-claims.ts";
import { createForgetLookup } from "./redis/source-keys.ts";

export type StoresSettings = Env["stores"];
export type Stores = ReturnType<typeof openStores>;

/** What the stores tell of themselves: `onCacheAway` is called for every request that the cache did not answer. */
export type StoresHooks = { onCacheAway?: () => void };

/** What a person asks of the cache may take longer than a request's claims, in trips of its own that hold none of them up. */
const PATIENT_TRIP_MS = 2_000;
/** A key that was revoked is refused within this much of the isolate's share (decision 12). */
const ISOLATE_KEY_MS = 5_000;
/** A dead letter or a replay sent twice is one row: the SDK may repeat these calls, for as long as a request can wait. */
const QUEUE_CALL = { attempts: 3, timeoutMs: 2_000 };
const QUEUE_BUDGET_MS = 5_000;
/** A spill is all that is left of a publish's time, and its outcome must be known: one attempt. */
const SPILL_CALL = { attempts: 1, timeoutMs: 1_000 };
const SPILL_BUDGET_MS = 1_000;

/**
 * Every port over its client. A client is opened when it is first used, so that a function opens only what it needs; a
 * setting that is missing is an error then, never a silent nothing. Local mode passes the addresses of its own engines.
 */
export function openStores(settings: StoresSettings, { onCacheAway = () => {} }: StoresHooks = {}) {
  const kinesis = once(() => createPutClient(settings.aws));
  const { dlqUrl, retryUrl, largeBucket } = settings.queues;
  const large = once(() => createLargeObjects(s3Config(settings, QUEUE_CALL), need(largeBucket, "LARGE_BUCKET")));
  const sqs = once(() => sqsAt(settings, QUEUE_CALL));
  const read = once(() => createReadEntries(large()));
  const budget = { budgetMs: QUEUE_BUDGET_MS };
  const clickhouse = once(() =>
    createClickHouse({ ...settings.clickhouse, url: need(settings.clickhouse.url, "CLICKHOUSE_URL") }),
  );
  const postgres = once(() => openPostgres(need(settings.postgresUrl, "POSTGRES_URL")));
  const cache = () => ({ ...settings.redis, url: need(settings.redis.url, "UPSTASH_REDIS_REST_URL") });
  const redis = once(() => createGrouped({ client: createRedis(cache()) }));
  const patientRedis = once(() => createGrouped({ client: createRedis({ ...cache(), budgetMs: PATIENT_TRIP_MS }) }));
  const sources = createIsolateSources({ now: Date.now, isolateMs: ISOLATE_KEY_MS });
  const schemas = once(() => createSchemas({ store: createSchemaStore(postgres().db) }));
  const storedKeys = once(() => createStoredKeys(clickhouse()));
  const ping = { characters: 4, add: (pipeline: { ping: () => unknown }) => void pipeline.ping() };

  return {
    admit: onFirstCall(() =>
      createAdmit({
        redis: redis(),
        sourceByLookup: onFirstCall(() => createSourceByLookup(postgres().db)),
        sources,
        now: Date.now,
        onAway: onCacheAway,
      }),
    ),
    settleClaims: onFirstCall(() => createSettleClaims({ redis: redis(), now: Date.now, onAway: onCacheAway })),
    forgetLookup: onFirstCall(() => createForgetLookup({ redis: patientRedis() })),
    /** For a host that lives long; the returned function ends it. */
    listenForKeys: () => createKeyListener({ ...cache(), sources }),
    readLive: onFirstCall(() => createReadLive({ redis: patientRedis() })),
    countsOf: onFirstCall(() => createCountsOf({ redis: patientRedis() })),
    putFrames: onFirstCall(() => createPutFrames(kinesis(), settings.stream)),
    reject: onFirstCall(() => {
      const queueUrl = need(dlqUrl, "DLQ_QUEUE_URL");
      return createRejectEvents(createSendEntries({ sqs: sqs(), queueUrl, large: large() }, budget));
    }),
    spill: onFirstCall(() => {
      const own = createLargeObjects(s3Config(settings, SPILL_CALL), need(largeBucket, "LARGE_BUCKET"));
      const to = { sqs: sqsAt(settings, SPILL_CALL), queueUrl: need(retryUrl, "RETRY_QUEUE_URL"), large: own };
      return createSpill(createSendEntries(to, { budgetMs: SPILL_BUDGET_MS }));
    }),
    sendRetries: onFirstCall(() => {
      const queueUrl = need(retryUrl, "RETRY_QUEUE_URL");
      return createSendRetries(createSendEntries({ sqs: sqs(), queueUrl, large: large() }, budget));
    }),
    readLetters: onFirstCall(() => createReadLetters(read())),
    readRetries: onFirstCall(() => createReadRetries(read())),
    warehouse: {
      storedPositions: onFirstCall(() => storedKeys().storedPositions),
      storedCount: onFirstCall(() => storedKeys().storedCount),
      storedMessageIds: onFirstCall(() => storedKeys().storedMessageIds),
      insert: onFirstCall(() => createInsertEvents(createInsertNative(clickhouse()), newId)),
      storeLetters: onFirstCall(() => createStoreLetters(clickhouse(), createInsertLines(clickhouse()))),
      noteReplays: onFirstCall(() => createNoteReplays(createInsertLines(clickhouse()))),
    },
    runQuery: onFirstCall(() => createRunQuery(clickhouse())) as ReturnType<typeof createRunQuery>,
    schemas: {
      known: onFirstCall(() => schemas().known),
      load: onFirstCall(() => schemas().load),
      learn: onFirstCall(() => schemas().learn),
    },
    rulesOf: onFirstCall(() => createRulesOf({ load: createLoadRules(postgres().db) })),
    manage: once(() => createManage(postgres().db, (lookups) => createForgetLookup({ redis: redis() })(...lookups))),
    sourceIdsOf: onFirstCall(() => createSourceIdsOf(postgres().db)),
    tokenByHash: onFirstCall(() => createTokenByHash(postgres().db)),
    placeOf: onFirstCall(() => createPlaceOf(settings.privacy.geoipDatabase)),
    hashOfAddress: onFirstCall(() => createHashOfAddress(need(settings.privacy.addressHashKey, "ADDRESS_HASH_KEY"))),
    probes: {
      stream: () => kinesis().send(new DescribeStreamSummaryCommand({ StreamName: settings.stream })),
      warehouse: async () => {
        const { success } = await clickhouse().ping();
        if (!success) throw new Error("the warehouse does not answer");
      },
      spill: () =>
        sqs().send(
          new GetQueueAttributesCommand({ QueueUrl: need(retryUrl, "RETRY_QUEUE_URL"), AttributeNames: ["QueueArn"] }),
        ),
      database: () => postgres().ping(),
      cache: () => redis()(ping),
    },
  };
}

const queuesAt = ({ aws, queues }: StoresSettings) => ({ region: aws.region, endpoint: queues.endpoint });
const sqsAt = (settings: StoresSettings, call: typeof QUEUE_CALL) =>
  new SQSClient(clientConfig(queuesAt(settings), call));
const s3Config = (settings: StoresSettings, call: typeof QUEUE_CALL) => ({
  ...clientConfig(queuesAt(settings), call),
  // An engine on one port has no host for each bucket.
  forcePathStyle: settings.queues.endpoint !== undefined,
});

const once = <T>(make: () => T): (() => T) =>
  onFirstCall(() => {
    const made = make();
    return () => made;
  });

function need(value: string | undefined, variable: string): string {
  if (value === undefined) throw new Error(`${variable} is not set`);
  return value;
}
