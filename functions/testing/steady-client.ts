import { setTimeout as wait } from "node:timers/promises";

/** What became of an id that was sent once: a 200 was seen, a refusal was seen, or nobody knows (reset, timeout, no connection). */
export type Outcome = "ok" | "fail" | "unknown";

/**
 * An independent client: sends single events and batches without pause, every message id exactly once, and keeps what
 * it saw for each. It never retries, so that a second copy in the table can only be ours.
 */
export function startSteadyClient(target: { url: () => string; writeKey: string; loops: number; pauseMs: number }) {
  const outcomes = new Map<string, Outcome>();
  let running = true;
  let inFlight = 0;
  let next = 0;

  const send = async (loop: number) => {
    const batch = next % 3 === 0;
    const events = Array.from({ length: batch ? 5 : 1 }, () => {
      const n = next++;
      return {
        type: "track",
        event: "Steady",
        anonymousId: `a${loop}`,
        messageId: `steady-${n}`,
        timestamp: new Date().toISOString(),
        properties: { n },
      };
    });
    for (const { messageId } of events) outcomes.set(messageId, "unknown");
    inFlight++;
    try {
      const response = await fetch(`${target.url()}${batch ? "/v1/batch" : "/v1/track"}`, {
        method: "POST",
        headers: { authorization: `Basic ${Buffer.from(`${target.writeKey}:`).toString("base64")}` },
        body: JSON.stringify(batch ? { batch: events } : events[0]),
        signal: AbortSignal.timeout(10_000),
      });
      await response.text();
      for (const { messageId } of events) outcomes.set(messageId, response.status === 200 ? "ok" : "fail");
    } catch {
      // Stays unknown; a system that is away answers nothing, and at once.
      await wait(100);
    } finally {
      inFlight--;
    }
  };

  const loops = Array.from({ length: target.loops }, async (_, loop) => {
    while (running) {
      await send(loop);
      await wait(target.pauseMs);
    }
  });
  return {
    outcomes,
    inFlight: () => inFlight,
    idsOf: (outcome: Outcome) => [...outcomes].filter(([, is]) => is === outcome).map(([id]) => id),
    stop: async () => {
      running = false;
      await Promise.all(loops);
    },
  };
}
