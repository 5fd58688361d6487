import { log } from "../../functions/kit/log.ts";
import { metrics } from "../../functions/kit/metrics.ts";
import type { WriterState } from "../../functions/stores/clickhouse/writer-state.ts";
import { listenGuarded } from "./engines/guarded-server.ts";
import type { ShardLag } from "./event-source/kinesis-mapping.ts";
import { deadLetterRates } from "./status/dead-letter-rate.ts";
import { foundWithin, isAway } from "./status/found.ts";
import type { QueueDepth } from "./status/queue-depths.ts";

export type WorkerMetricsPorts = {
  /** Each consumer of the stream by its name. */
  lags: () => Record<string, ReadonlyMap<string, ShardLag>>;
  queues: (signal: AbortSignal) => Promise<QueueDepth[]>;
  writerState: () => Promise<WriterState>;
};

/** Engines that are away must not keep a scrape waiting. */
const ASK_LIMIT_MS = 2_000;

/**
 * `GET /metrics` of the workers on 127.0.0.1, as Prometheus text, or as JSON to who accepts that: what the consumers counted
 * since this process began, how far they are behind, what waits in the queues and in how many parts the table lies. What an
 * engine that is away would tell is left out. No web page may ask. Port 0 = any free one.
 */
export const serveWorkerMetrics = (ports: WorkerMetricsPorts, port: number, askLimitMs = ASK_LIMIT_MS) =>
  listenGuarded(async (request, response) => {
    if (request.method !== "GET" || request.url !== "/metrics") return void response.writeHead(404).end();
    try {
      await findState(ports, askLimitMs);
      const isJson = request.headers.accept?.includes("application/json");
      const { type, body } = isJson
        ? { type: "application/json", body: JSON.stringify(await metrics.json()) }
        : await metrics.text();
      response.writeHead(200, { "content-type": type }).end(body);
    } catch (error) {
      log.error({ err: error }, "metrics cannot be told");
      response.writeHead(500).end();
    }
  }, port);

async function findState({ lags, queues, writerState }: WorkerMetricsPorts, limitMs: number): Promise<void> {
  const [waits, writer] = await Promise.all([
    known("the queues", limitMs, queues),
    known("the warehouse", limitMs, writerState),
  ]);
  const { state } = metrics;
  const shards = Object.entries(lags()).flatMap(([consumer, byShard]) =>
    [...byShard].map(([shard, lag]) => ({ labels: { consumer, shard }, lag })),
  );
  state.behindRecords(shards.map(({ labels, lag }) => [labels, lag.records]));
  state.behindSeconds(shards.map(({ labels, lag }) => [labels, lag.millisBehindLatest / 1_000]));
  state.queueMessages(
    (waits ?? []).flatMap(({ name: queue, waiting, inFlight }) => [
      [{ queue, state: "waiting" }, waiting] as const,
      [{ queue, state: "in_flight" }, inFlight] as const,
    ]),
  );
  state.eventsRows(writer ? [[{}, writer.rows]] : []);
  state.eventsParts(writer ? [[{}, writer.parts]] : []);
  state.deadLetterRate(
    writer ? deadLetterRates(writer).map(({ stage, code, rate }) => [{ stage, code }, rate] as const) : [],
  );
}

async function known<T extends object>(
  whose: string,
  limitMs: number,
  ask: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  const found = await foundWithin(limitMs, ask);
  if (!isAway(found)) return found;
  log.warn({ error: found.away }, `metrics without what ${whose} would tell`);
  return undefined;
}
