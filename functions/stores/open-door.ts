import { DescribeStreamSummaryCommand } from "@aws-sdk/client-kinesis";
import { GetQueueAttributesCommand, SQSClient } from "@aws-sdk/client-sqs";
import { createHashOfAddress } from "../kit/address-hash.ts";
import type { Env } from "../kit/env.ts";
import { onFirstCall } from "../kit/on-first-call.ts";
import { clientConfig } from "./aws/client.ts";
import { createLargeObjects } from "./aws/large-objects.ts";
import { createSendEntries } from "./aws/message-lines.ts";
import { createPutClient, createPutFrames } from "./aws/put-frames.ts";
import { createRejectEvents } from "./aws/reject-events.ts";
import { createSpill } from "./aws/retry-queue.ts";
import { createPlaceOf } from "./geo/place-of.ts";
import { need, once } from "./opening.ts";
import type { openPostgres } from "./postgres/client.ts";
import { createRulesOf } from "./postgres/rules-cache.ts";
import { createSchemas } from "./postgres/schema-cache.ts";
import { createAdmit } from "./redis/admit.ts";
import { createRedis } from "./redis/client.ts";
import { createGrouped } from "./redis/grouped.ts";
import { createIsolateSources } from "./redis/isolate-sources.ts";
import { createKeyListener } from "./redis/key-listener.ts";
import { createSettleClaims } from "./redis/settle-claims.ts";

export type StoresSettings = Env["stores"];
export type DoorStores = ReturnType<typeof openDoorStores>;

/** What the stores tell of themselves: `onCacheAway` is called for every request that the cache did not answer. */
export type StoresHooks = { onCacheAway?: () => void };

/** A key that was revoked is refused within this much of the isolate's share (decision 12). */
const ISOLATE_KEY_MS = 5_000;
/** A dead letter or a replay sent twice is one row: the SDK may repeat these calls, for as long as a request can wait. */
export const QUEUE_CALL = { attempts: 3, timeoutMs: 2_000 };
export const QUEUE_BUDGET = { budgetMs: 5_000 };
/** A spill is all that is left of a publish's time, and its outcome must be known: one attempt. */
const SPILL_CALL = { attempts: 1, timeoutMs: 1_000 };
const SPILL_BUDGET = { budgetMs: 1_000 };

/**
 * The ports of the ingest door over their clients, apart from all others so that its function loads no more. A client is
 * opened when it is first used; a setting that is missing is an error then, never a silent nothing. `shared` is a pool
 * that the process has anyway.
 */
export function openDoorStores(
  settings: StoresSettings,
  { onCacheAway = () => {} }: StoresHooks = {},
  shared?: () => ReturnType<typeof openPostgres>,
) {
  const kinesis = once(() => createPutClient(settings.aws));
  const { dlqUrl, retryUrl } = settings.queues;
  const sqs = once(() => sqsAt(settings, QUEUE_CALL));
  const cache = () => ({ ...settings.redis, url: need(settings.redis.url, "UPSTASH_REDIS_REST_URL") });
  const redis = once(() => createGrouped({ client: createRedis(cache()) }));
  const sources = createIsolateSources({ now: Date.now, isolateMs: ISOLATE_KEY_MS });
  const database = once(async () => {
    const { openDoorDatabase } = await import("./postgres/door-database.ts");
    return openDoorDatabase(need(settings.postgresUrl, "POSTGRES_URL"), shared?.());
  });
  const schemas = once(() =>
    createSchemas({
      store: {
        load: async (...asked) => (await database()).schemaStore.load(...asked),
        learn: async (...asked) => (await database()).schemaStore.learn(...asked),
      },
    }),
  );
  const ping = { characters: 4, add: (pipeline: { ping: () => unknown }) => void pipeline.ping() };

  return {
    admit: onFirstCall(() =>
      createAdmit({
        redis: redis(),
        sourceByLookup: async (lookup) => (await database()).sourceByLookup(lookup),
        sources,
        now: Date.now,
        onAway: onCacheAway,
      }),
    ),
    settleClaims: onFirstCall(() => createSettleClaims({ redis: redis(), now: Date.now, onAway: onCacheAway })),
    /** For a host that lives long; the returned function ends it. */
    listenForKeys: () => createKeyListener({ ...cache(), sources }),
    putFrames: onFirstCall(() => createPutFrames(kinesis(), settings.stream)),
    reject: onFirstCall(() => {
      const to = { sqs: sqs(), queueUrl: need(dlqUrl, "DLQ_QUEUE_URL"), large: largeAt(settings, QUEUE_CALL) };
      return createRejectEvents(createSendEntries(to, QUEUE_BUDGET));
    }),
    spill: onFirstCall(() => {
      const queueUrl = need(retryUrl, "RETRY_QUEUE_URL");
      const to = { sqs: sqsAt(settings, SPILL_CALL), queueUrl, large: largeAt(settings, SPILL_CALL) };
      return createSpill(createSendEntries(to, SPILL_BUDGET));
    }),
    schemas: {
      known: onFirstCall(() => schemas().known),
      load: onFirstCall(() => schemas().load),
      learn: onFirstCall(() => schemas().learn),
    },
    rulesOf: onFirstCall(() => createRulesOf({ load: async (id) => (await database()).loadRules(id) })),
    tokenByHash: async (tokenHash: string) => (await database()).tokenByHash(tokenHash),
    placeOf: onFirstCall(() => createPlaceOf(settings.privacy.geoipDatabase)),
    hashOfAddress: onFirstCall(() => createHashOfAddress(need(settings.privacy.addressHashKey, "ADDRESS_HASH_KEY"))),
    probes: {
      stream: () => kinesis().send(new DescribeStreamSummaryCommand({ StreamName: settings.stream })),
      spill: () =>
        sqs().send(
          new GetQueueAttributesCommand({ QueueUrl: need(retryUrl, "RETRY_QUEUE_URL"), AttributeNames: ["QueueArn"] }),
        ),
      database: async () => (await database()).ping(),
      cache: () => redis()(ping),
    },
  };
}

const queuesAt = ({ aws, queues }: StoresSettings) => ({ region: aws.region, endpoint: queues.endpoint });

export const sqsAt = (settings: StoresSettings, call: typeof QUEUE_CALL) =>
  new SQSClient(clientConfig(queuesAt(settings), call));

/** Where what is too large for a message goes. An engine on one port has no host for each bucket. */
export const largeAt = (settings: StoresSettings, call: typeof QUEUE_CALL) =>
  createLargeObjects(
    { ...clientConfig(queuesAt(settings), call), forcePathStyle: settings.queues.endpoint !== undefined },
    need(settings.queues.largeBucket, "LARGE_BUCKET"),
  );
