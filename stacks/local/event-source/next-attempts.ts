import type { ShardRecord } from "./kinesis-event.ts";

/** Some records of one shard that go to the handler together; how often they were retried and invoked so far. */
export type Attempt = { records: ShardRecord[]; retries: number; invocations: number };

/** How an invocation ended: `reported` = partial response, whose lowest number is that of `records[index]`. */
export type Ending =
  | { kind: "succeeded" }
  | { kind: "throttled" }
  | { kind: "failed" }
  | { kind: "reported"; index: number };

export type RetryRules = { maximumRetryAttempts: number; bisectOnError: boolean };
export type Next = { done: ShardRecord[]; again: Attempt[]; discarded: ShardRecord[] };

/**
 * What follows an invocation: which records are done (the checkpoint), which are tried again and in which pieces, and
 * which are given up. Reliability 2.1: all from the lowest reported number is retried; a throttle is no attempt; an error
 * halves the batch when bisect is on, which consumes no retry; so does the split at a reported number. A count belongs
 * to the first record of an attempt: when that record is another one, as after a reported number, it starts anew.
 */
export function nextAttempts(attempt: Attempt, ending: Ending, rules: RetryRules): Next {
  const { records, retries } = attempt;
  const invocations = attempt.invocations + 1;
  switch (ending.kind) {
    case "succeeded":
      return { done: records, again: [], discarded: [] };
    case "throttled":
      return { done: [], again: [attempt], discarded: [] };
    case "failed": {
      const half = Math.ceil(records.length / 2);
      if (!rules.bisectOnError || half === records.length) return retryAll(records, retries + 1, invocations, rules);
      const halves = [records.slice(0, half), records.slice(half)];
      return { done: [], again: halves.map((part) => ({ records: part, retries, invocations })), discarded: [] };
    }
    case "reported": {
      const rest = records.slice(ending.index);
      const used = ending.index === 0 ? retries + 1 : rules.bisectOnError ? 0 : 1;
      return { ...retryAll(rest, used, invocations, rules), done: records.slice(0, ending.index) };
    }
    default:
      return ending satisfies never;
  }
}

function retryAll(records: ShardRecord[], retries: number, invocations: number, rules: RetryRules): Next {
  const exhausted = rules.maximumRetryAttempts >= 0 && retries > rules.maximumRetryAttempts;
  return exhausted
    ? { done: [], again: [], discarded: records }
    : { done: [], again: [{ records, retries, invocations }], discarded: [] };
}
