import * as z from "zod";

const positive = z.coerce.number().int().positive();

/** Every variable of a deployed function: its meaning and its default. Sizes and times carry their unit in the name. */
const VARIABLES = {
  /** pino's levels; `silent` for tests. */
  LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"]).default("info"),
  /** Log lines are written together once they fill this; 0 = each at once, as a function that may be frozen needs it. */
  LOG_BUFFER_KB: z.coerce.number().int().min(0).max(15).default(0),
  /** A refused event's payload goes to the log (I-24). */
  LOG_PAYLOAD_ON_ERROR: z.stringbool().default(true),
  /** So does an accepted one's: for a search, not for every day. */
  LOG_PAYLOAD_ON_SUCCESS: z.stringbool().default(false),
  /** Names whose values a logged payload does not show, wherever they stand. */
  LOG_REDACT_FIELDS: z
    .string()
    .default("password,secret,token,authorization,cookie,api_key,apiKey,writeKey,card_number,cardNumber,cvv,iban,ssn"),
  /** One event, decompressed (I-06). */
  PAYLOAD_LIMIT_KB: positive.default(100),
  /** One batch, decompressed. At least 512: shipping SDKs fill that much (S-4). */
  BATCH_PAYLOAD_LIMIT_KB: z.coerce.number().int().min(512).default(1_024),
  /** How long a request's put may be retried before the answer is 503 (decision 4). */
  PUBLISH_BUDGET_MS: positive.default(300),
  /** `async` answers before the stream has the events: only for hosts that go on running after the answer (decision 4). */
  INGEST_ACK: z.enum(["durable", "async"]).default("durable"),
  /** An event that was sent longer ago is refused, unless its source says otherwise (decision 9). */
  LATE_AFTER_HOURS: positive.default(24),
  /** Proxies of ours before the door, each of which adds an address to X-Forwarded-For; 0 = the socket's own counts (E8). */
  TRUSTED_HOPS: z.coerce.number().int().min(0).max(10).default(0),
  /** Where clients reach the ingest door, for SDK settings, where a proxy hides it. */
  INGEST_PUBLIC_URL: z.url().optional(),
  /** The secret under which addresses and visitors without an id are hashed (E16). */
  ADDRESS_HASH_KEY: z.string().min(16).optional(),
  /** A place database in MaxMind's format (.mmdb); without it only the CDN's headers say where an address lies. */
  GEOIP_DATABASE: z.string().optional(),
  /** Requests of one source that each process shows in the live view in a second. */
  LIVE_REQUESTS_PER_SECOND: positive.default(20),
  /** Order buckets of one workspace; 0 keys every event by its own id (decision 7). */
  ORDER_BUCKETS: z.coerce.number().int().nonnegative().default(4),
  /** Region of the stream and the queues. AWS sets it in a deployed function. */
  AWS_REGION: z.string().default("us-east-1"),
  /** Another endpoint for all of AWS: LocalStack, or the local engines. */
  AWS_ENDPOINT_URL: z.url().optional(),
  KINESIS_STREAM: z.string().default("events"),
  /** The queue of what was refused, on its way to `dead_letters` (I-16). */
  DLQ_QUEUE_URL: z.url().optional(),
  /** The queue of spilled frames and replayed events, on their way back to the stream (I-15). */
  RETRY_QUEUE_URL: z.url().optional(),
  /** The bucket of texts that are too large for a queue (C-25). */
  LARGE_BUCKET: z.string().optional(),
  /** The bucket of every accepted frame, by workspace and hour (B-08). */
  ARCHIVE_BUCKET: z.string().optional(),
  CLICKHOUSE_URL: z.url().optional(),
  CLICKHOUSE_USER: z.string().default("default"),
  CLICKHOUSE_PASSWORD: z.string().default(""),
  CLICKHOUSE_DATABASE: z.string().default("cdp"),
  POSTGRES_URL: z.url().optional(),
  UPSTASH_REDIS_REST_URL: z.url().optional(),
  UPSTASH_REDIS_REST_TOKEN: z.string().default(""),
} as const;

const Variables = z.object(VARIABLES);

/** Reads the variables of a process; an empty one counts as not set. A wrong one throws with the list of all that are wrong. */
export function readEnv(from: Record<string, string | undefined>) {
  const read = Variables.safeParse(Object.fromEntries(Object.entries(from).filter(([, value]) => value !== "")));
  if (!read.success) {
    const wrong = read.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
    throw new Error(`The environment is wrong:\n  ${wrong.join("\n  ")}`);
  }
  const { data } = read;
  return {
    log: {
      level: data.LOG_LEVEL,
      bufferBytes: data.LOG_BUFFER_KB * 1_024,
      payloadOnError: data.LOG_PAYLOAD_ON_ERROR,
      payloadOnSuccess: data.LOG_PAYLOAD_ON_SUCCESS,
      redactFields: data.LOG_REDACT_FIELDS.split(",").map((name) => name.trim()),
    },
    limits: { eventBytesMax: data.PAYLOAD_LIMIT_KB * 1_024, batchBytesMax: data.BATCH_PAYLOAD_LIMIT_KB * 1_024 },
    ingest: {
      ack: data.INGEST_ACK,
      lateAfterMs: data.LATE_AFTER_HOURS * 60 * 60 * 1_000,
      trustedHops: data.TRUSTED_HOPS,
      publicUrl: data.INGEST_PUBLIC_URL,
      liveRequestsPerSecond: data.LIVE_REQUESTS_PER_SECOND,
    },
    publish: { budgetMs: data.PUBLISH_BUDGET_MS, orderBuckets: data.ORDER_BUCKETS },
    stores: {
      aws: { region: data.AWS_REGION, endpoint: data.AWS_ENDPOINT_URL },
      stream: data.KINESIS_STREAM,
      queues: {
        endpoint: data.AWS_ENDPOINT_URL,
        dlqUrl: data.DLQ_QUEUE_URL,
        retryUrl: data.RETRY_QUEUE_URL,
        largeBucket: data.LARGE_BUCKET,
      },
      archive: { endpoint: data.AWS_ENDPOINT_URL, bucket: data.ARCHIVE_BUCKET },
      privacy: { addressHashKey: data.ADDRESS_HASH_KEY, geoipDatabase: data.GEOIP_DATABASE },
      clickhouse: {
        url: data.CLICKHOUSE_URL,
        username: data.CLICKHOUSE_USER,
        password: data.CLICKHOUSE_PASSWORD,
        database: data.CLICKHOUSE_DATABASE,
      },
      postgresUrl: data.POSTGRES_URL,
      redis: { url: data.UPSTASH_REDIS_REST_URL, token: data.UPSTASH_REDIS_REST_TOKEN },
    },
  };
}
export type Env = ReturnType<typeof readEnv>;

/** The environment of this process, read once when it starts. */
export const env: Env = readEnv(process.env);
