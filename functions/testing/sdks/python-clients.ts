import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { persistent, type SdkClient, SIX, type Target } from "./client.ts";

const SCRIPT = fileURLToPath(new URL("python_clients.py", import.meta.url));
const LIMIT_MS = 60_000;

const pythonClient = (python: string, name: string, script: string, encoding: "plain" | "gzip"): SdkClient => {
  const run = (calls: "every" | "one", { url, writeKey }: Target) =>
    promisify(execFile)(python, [SCRIPT, script, calls, encoding, url, writeKey], { timeout: LIMIT_MS });
  return {
    name: `${name}, ${encoding}`,
    everyCall: (target) => run("every", target),
    stored: SIX,
    requests: 1,
    oneCall: (target) => run("one", target),
    // Segment's and RudderStack's wait a random while that doubles, whatever Retry-After says; 4xx but 429 are final.
    faults: persistent(3),
    waits: false,
  };
};

/** Every client of Python, run by an interpreter that has the packages. */
export function pythonClients(python: string): SdkClient[] {
  return (["plain", "gzip"] as const).flatMap((encoding) => [
    pythonClient(python, "K-11 segment-analytics-python 2.3.4", "segment", encoding),
    pythonClient(python, "K-12 rudder-sdk-python 2.1.4", "rudderstack", encoding),
    {
      ...pythonClient(python, "K-20 posthog (Python) 7.53.0", "posthog", encoding),
      newKey: () => `phc_${randomUUID()}`,
      stored: [
        "alias ",
        "group ",
        "identify ",
        "page ",
        "track $exception",
        "track $set_once",
        "track Order Completed",
      ],
      waits: true,
    },
  ]);
}
