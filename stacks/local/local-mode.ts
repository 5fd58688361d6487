/** Credentials and names of the local system. They exist in its own database only; no deployed function knows them. */
export const LOCAL = {
  workspaceId: "00000000-0000-4000-8000-000000000001",
  writeKey: "wk_local",
  apiToken: "sk_local",
  region: "us-east-1",
  stream: "events",
  dlq: "dlq",
  retry: "retry",
  /**
   * Six times what a worker's function may take. What fails lies in the queue's own dead letters in the end; it was
   * acknowledged, so an engine may be away for long before: SQS's most, 16 hours of tries.
   */
  queueFunctionMs: 10_000,
  visibilitySeconds: 60,
  receivesMax: 1_000,
  /** SQS's most. */
  retentionSeconds: 14 * 24 * 60 * 60,
  /** Texts that are too large for a queue. */
  largeBucket: "large",
  /** Every accepted frame, by workspace and hour. */
  archiveBucket: "archive",
  /** Where the event-source mapper leaves batches that exhausted their retries. */
  failuresBucket: "failures",
  /** Two consumers at a time are what two cores have work for; order buckets spread over them. */
  shards: 2,
  redisToken: "local",
  /** Hides addresses from nobody who has this file; real ones are not meant for a laptop. */
  addressHashKey: "local addresses only",
  database: "cdp",
} as const;
