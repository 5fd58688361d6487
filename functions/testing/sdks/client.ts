/** Where a client sends, and as whom: by a key, by its source's id, or by the domain of its page. */
export type Target = { url: string; writeKey: string; sourceId: string; domain: string };

/** How many requests a call came to, and how many copies of its event are stored in the end. */
export type Came = { requests: number; stored: number };

/** A client, unmodified: only its host is ours, and how much it queues and how often it tries, so that a test need not wait. */
export type SdkClient = {
  /** The row of the contract, and the package. */
  name: string;
  /** A key as this client wants it, where it does not take any. */
  newKey?: () => string;
  /** Makes every call that the client has, and resolves when all of it is delivered. */
  everyCall: (target: Target) => Promise<unknown>;
  /** Type and event of what is then stored, sorted, and in how many requests it came. */
  stored: readonly string[];
  requests: number;
  /** Makes one call, and resolves when the client has delivered it or given it up. */
  oneCall: (target: Target) => Promise<unknown>;
  /** What it comes to, by the client's own rules, when its first request meets a fault, or every one ("for ever"). */
  faults: Record<"429" | "503" | "400" | "413" | "lost" | "503 for ever", Came>;
  /** After a 429 it stays away for as long as Retry-After says. */
  waits: boolean;
};

/** Comes again: once after one fault, `retries` times while it lasts; a refusal for good is final. */
export const persistent = (retries: number): SdkClient["faults"] => ({
  "429": { requests: 2, stored: 1 },
  "503": { requests: 2, stored: 1 },
  "400": { requests: 1, stored: 0 },
  "413": { requests: 1, stored: 0 },
  lost: { requests: 2, stored: 1 },
  "503 for ever": { requests: 1 + retries, stored: 0 },
});

/** Never comes again, whatever happens. */
export const ONCE: SdkClient["faults"] = {
  "429": { requests: 1, stored: 0 },
  "503": { requests: 1, stored: 0 },
  "400": { requests: 1, stored: 0 },
  "413": { requests: 1, stored: 0 },
  lost: { requests: 1, stored: 1 },
  "503 for ever": { requests: 1, stored: 0 },
};

/** What is stored of a client that has a call of each type. */
export const SIX = ["alias ", "group ", "identify ", "page ", "screen ", "track Order Completed"];
