import { randomUUID } from "node:crypto";
import type { Browsing } from "./browser.ts";
import { ONCE, persistent, type SdkClient, SIX } from "./client.ts";

/** Longer than any of them waits before it comes again, Retry-After included. */
const QUIET_MS = 7_000;

const FIVE = ["alias ", "group ", "identify ", "page ", "track Order Completed"];

/** A client in a page of its own: `options` are what its script in `pages/` is started with, beside the target. */
export type BrowserClient = SdkClient & { page: string; options: Readonly<Record<string, unknown>> };

/** Clients that keep what they could not send, or send it when the visitor leaves; they would wait for minutes otherwise. */
export const LEAVING: readonly Pick<BrowserClient, "name" | "page" | "options" | "stored">[] = [
  { name: "K-02 @segment/analytics-next 1.84.3", page: "segment", options: {}, stored: SIX },
  {
    name: "K-02 the same, batching",
    page: "segment",
    options: { delivery: { strategy: "batching", config: { size: 100, timeout: 600_000 } } },
    stored: SIX,
  },
  { name: "K-05 @rudderstack/analytics-js 3.34.1", page: "rudderstack", options: {}, stored: FIVE },
  {
    name: "K-05 the same, its queue in batches",
    page: "rudderstack",
    options: { options: { queueOptions: { batch: { enabled: true, maxItems: 100, flushInterval: 600_000 } } } },
    stored: FIVE,
  },
  {
    name: "K-06 the same with beacons",
    page: "rudderstack",
    options: { options: { useBeacon: true, beaconQueueOptions: { maxItems: 100, flushQueueInterval: 600_000 } } },
    stored: FIVE,
  },
];

/** Every client of web pages, in a browser. */
export function browserClients({ visit }: Browsing): BrowserClient[] {
  const client = (
    given: Omit<BrowserClient, "everyCall" | "oneCall" | "options"> & { options?: BrowserClient["options"] },
  ): BrowserClient => {
    const { page, options = {} } = given;
    const call =
      (name: "every" | "one"): SdkClient["oneCall"] =>
      (target) =>
        visit(page, target.domain, async (tab) => {
          await tab.sdk("start", { ...target, ...options });
          await tab.sdk(name);
          await tab.quiet(QUIET_MS);
        });
    return { ...given, options, everyCall: call("every"), oneCall: call("one") };
  };

  const segment = { page: "segment", stored: SIX, faults: persistent(2), waits: true };
  // Two attempts in all, not two more.
  const segmentSingle = { ...segment, faults: { ...segment.faults, "503 for ever": { requests: 2, stored: 0 } } };
  const rudder = { page: "rudderstack", stored: FIVE, faults: persistent(2), waits: false };
  const jitsu = {
    page: "jitsu",
    stored: ["group ", "identify ", "page ", "track Order Completed"],
    requests: 4,
    // It is Chromium that repeats a request whose connection, used before by the preflight, died.
    faults: { ...ONCE, lost: { requests: 2, stored: 1 } },
    waits: false,
  };
  const batch = { strategy: "batching", config: { size: 6, timeout: 1_000 } };
  const queueOptions = { maxAttempts: 2 };
  return [
    client({ name: "K-02 @segment/analytics-next 1.84.3", ...segmentSingle, requests: 6 }),
    client({ name: "K-02 the same, batching", ...segment, requests: 1, options: { delivery: batch } }),
    client({
      name: "K-05 @rudderstack/analytics-js 3.34.1",
      ...rudder,
      requests: 5,
      options: { options: { queueOptions } },
    }),
    client({
      name: "K-05 the same, its queue in batches",
      ...rudder,
      requests: 1,
      options: {
        options: { queueOptions: { ...queueOptions, batch: { enabled: true, maxItems: 5, flushInterval: 1_000 } } },
      },
    }),
    client({
      name: "K-06 the same with beacons",
      ...rudder,
      requests: 1,
      // A beacon's answer is never seen.
      faults: ONCE,
      options: { options: { useBeacon: true, beaconQueueOptions: { maxItems: 5, flushQueueInterval: 1_000 } } },
    }),
    client({
      name: "K-07 @rudderstack/analytics-js-service-worker 3.3.13",
      page: "rudderstack-worker-page",
      stored: SIX,
      requests: 2,
      faults: persistent(3),
      waits: true,
    }),
    client({
      name: "K-09 @jitsu/js 1.11.0, by its key",
      ...jitsu,
      newKey: () => `${randomUUID()}:secret`,
    }),
    client({ name: "K-09 the same, by its domain", ...jitsu, options: { byDomain: true } }),
    client({
      name: "K-22 plausible-tracker 0.3.9",
      page: "plausible",
      stored: ["page ", "page ", "track Order Completed"],
      requests: 3,
      faults: ONCE,
      waits: false,
    }),
  ];
}
