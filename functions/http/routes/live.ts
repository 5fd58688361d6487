import { Hono } from "hono";
import { type SSEStreamingApi, streamSSE } from "hono/streaming";
import type { LiveEntry, ReadLive } from "../../explore/live-events.ts";
import { LIVE_EVENTS_MAX, LiveAsked, latest, shown } from "../../explore/live-view.ts";
import { AppError, messageOf } from "../../kit/errors.ts";
import { log } from "../../kit/log.ts";
import { queryOf } from "../body.ts";
import { requireScope } from "../guards/scope.ts";
import type { DoorVars } from "../vars.ts";

export type LivePorts = {
  readLive: ReadLive;
  sourceIdsOf: (workspaceId: string) => Promise<string[]>;
  now: () => number;
  /** A Lambda's answer ends after 15 minutes: ours does so before, and its client comes again. Decision 14b. */
  times?: { pollMs: number; heartbeatMs: number; endAfterMs: number };
};

const TIMES = { pollMs: 500, heartbeatMs: 15_000, endAfterMs: 14 * 60_000 };
/** How soon a client comes again. */
const RETRY_MS = 1_000;

/** What happens at a source's door, as server-sent events: the last 1,000 events, then what comes. B-03. */
export const liveRoutes = (ports: LivePorts) =>
  new Hono<DoorVars>({ strict: false }).get("/live", requireScope("live:read"), async (c) => {
    const asked = queryOf(c, LiveAsked);
    if (!(await ports.sourceIdsOf(c.var.workspaceId)).includes(asked.source_id))
      throw new AppError("not_found", "There is no source of this id.", { field: "source_id" });
    const seen = c.req.header("last-event-id");
    // Read before the answer begins, so that a cache that is away is a 503 and not an empty stream.
    const entries = await ports.readLive(asked.source_id, seen, LIVE_EVENTS_MAX);
    const first = seen === undefined ? latest(entries) : entries;
    return streamSSE(c, (stream) => follow(stream, ports, asked, { seen, first }));
  });

async function follow(
  stream: SSEStreamingApi,
  ports: LivePorts,
  asked: LiveAsked,
  { seen, first }: { seen: string | undefined; first: readonly LiveEntry[] },
): Promise<void> {
  const { readLive, now, times: { pollMs, heartbeatMs, endAfterMs } = TIMES } = ports;
  const endsAt = now() + endAfterMs;
  let saidAt = now();
  let after = seen;
  const write = async (entries: readonly LiveEntry[]) => {
    for (const entry of entries) {
      after = entry.id;
      const request = shown(entry, asked);
      if (!request || stream.aborted) continue;
      await stream.writeSSE({ id: entry.id, data: JSON.stringify(request) });
      saidAt = now();
    }
  };
  await stream.write(`retry: ${RETRY_MS}\n\n`);
  await write(first);
  while (!stream.aborted && now() < endsAt) {
    await stream.sleep(pollMs);
    if (stream.aborted) return;
    try {
      await write(await readLive(asked.source_id, after, LIVE_EVENTS_MAX));
    } catch (error) {
      // The client comes again with the last id it saw, and is told then.
      log.warn({ source_id: asked.source_id, error: messageOf(error) }, "live view ended");
      return;
    }
    if (now() - saidAt >= heartbeatMs) {
      await stream.write(": still here\n\n");
      saidAt = now();
    }
  }
}
