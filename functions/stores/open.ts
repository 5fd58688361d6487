import { newId } from "../kit/id.ts";
import { onFirstCall } from "../kit/on-first-call.ts";
import { openArchive } from "./aws/archive-store.ts";
import { createReadEntries, createSendEntries } from "./aws/message-lines.ts";
import { createReadLetters } from "./aws/reject-events.ts";
import { createReadRetries, createSendRetries } from "./aws/retry-queue.ts";
import { createClickHouse } from "./clickhouse/client.ts";
import { createInsertEvents } from "./clickhouse/insert-events.ts";
import { createInsertLines } from "./clickhouse/insert-lines.ts";
import { createInsertNative } from "./clickhouse/insert-rows.ts";
import { createNoteSuspects } from "./clickhouse/note-suspects.ts";
import { createRunQuery } from "./clickhouse/run-query.ts";
import { createStoreLetters } from "./clickhouse/store-letters.ts";
import { createNoteReplays } from "./clickhouse/store-replays.ts";
import { createStoredKeys } from "./clickhouse/stored-keys.ts";
import {
  largeAt,
  openDoorStores,
  QUEUE_BUDGET,
  QUEUE_CALL,
  type StoresHooks,
  type StoresSettings,
  sqsAt,
} from "./open-door.ts";
import { need, once } from "./opening.ts";
import { openPostgres } from "./postgres/client.ts";
import { createManage } from "./postgres/manage/create-manage.ts";
import { createSourceIdsOf } from "./postgres/source-ids.ts";
import { createRedis } from "./redis/client.ts";
import { createGrouped } from "./redis/grouped.ts";
import { createCountsOf, createReadLive } from "./redis/live-events.ts";
import { createForgetLookup } from "./redis/source-keys.ts";

export type { StoresHooks, StoresSettings } from "./open-door.ts";
export type Stores = ReturnType<typeof openStores>;

/** What a person asks of the cache may take longer than a request's claims, in trips of its own that hold none of them up. */
const PATIENT_TRIP_MS = 2_000;

/**
 * Every port over its client: the ingest door's, and those of consumers and of the query door. A client is opened when it
 * is first used, so that a function opens only what it needs. Local mode passes the addresses of its own engines.
 */
export function openStores(settings: StoresSettings, hooks: StoresHooks = {}) {
  const postgres = once(() => openPostgres(need(settings.postgresUrl, "POSTGRES_URL")));
  const door = openDoorStores(settings, hooks, postgres);
  const large = once(() => largeAt(settings, QUEUE_CALL));
  const read = once(() => createReadEntries(large()));
  const clickhouse = once(() =>
    createClickHouse({ ...settings.clickhouse, url: need(settings.clickhouse.url, "CLICKHOUSE_URL") }),
  );
  const archive = once(() => {
    const { endpoint, bucket } = settings.archive;
    return openArchive({ region: settings.aws.region, endpoint }, need(bucket, "ARCHIVE_BUCKET"));
  });
  const storedKeys = once(() => createStoredKeys(clickhouse()));
  const patientRedis = once(() => {
    const url = need(settings.redis.url, "UPSTASH_REDIS_REST_URL");
    return createGrouped({ client: createRedis({ ...settings.redis, url, budgetMs: PATIENT_TRIP_MS }) });
  });
  const forget = onFirstCall(() => createForgetLookup({ redis: patientRedis() }));

  return {
    ...door,
    readLive: onFirstCall(() => createReadLive({ redis: patientRedis() })),
    countsOf: onFirstCall(() => createCountsOf({ redis: patientRedis() })),
    sendRetries: onFirstCall(() => {
      const queueUrl = need(settings.queues.retryUrl, "RETRY_QUEUE_URL");
      return createSendRetries(
        createSendEntries({ sqs: sqsAt(settings, QUEUE_CALL), queueUrl, large: large() }, QUEUE_BUDGET),
      );
    }),
    readLetters: onFirstCall(() => createReadLetters(read())),
    archive: {
      put: onFirstCall(() => archive().put),
      get: onFirstCall(() => archive().get),
      keysIn: onFirstCall(() => archive().keysIn),
      foldersIn: onFirstCall(() => archive().foldersIn),
    },
    readRetries: onFirstCall(() => createReadRetries(read())),
    warehouse: {
      storedPositions: onFirstCall(() => storedKeys().storedPositions),
      storedCount: onFirstCall(() => storedKeys().storedCount),
      storedMessageIds: onFirstCall(() => storedKeys().storedMessageIds),
      recentSuspects: onFirstCall(() => storedKeys().recentSuspects),
      noteSuspects: onFirstCall(() => createNoteSuspects(createInsertLines(clickhouse()))),
      insert: onFirstCall(() => createInsertEvents(createInsertNative(clickhouse()), newId, storedKeys().columnsNow)),
      storeLetters: onFirstCall(() => createStoreLetters(clickhouse(), createInsertLines(clickhouse()))),
      noteReplays: onFirstCall(() => createNoteReplays(createInsertLines(clickhouse()))),
    },
    runQuery: onFirstCall(() => createRunQuery(clickhouse())) as ReturnType<typeof createRunQuery>,
    manage: once(() => createManage(postgres().db, forget)),
    sourceIdsOf: onFirstCall(() => createSourceIdsOf(postgres().db)),
    probes: {
      ...door.probes,
      warehouse: async () => {
        const { success } = await clickhouse().ping();
        if (!success) throw new Error("the warehouse does not answer");
      },
    },
  };
}
