import { randomUUID } from "node:crypto";
import type { KinesisStreamEvent } from "aws-lambda";
import type { Invocation, LocalFunction } from "./function.ts";
import type { FailedInvocation } from "./invocation-record.ts";
import { type ShardRecord, toKinesisEvent } from "./kinesis-event.ts";
import type { LocalLog } from "./local-log.ts";
import { type Attempt, type Ending, nextAttempts, type RetryRules } from "./next-attempts.ts";
import { readPartialResponse } from "./partial-response.ts";
import { backoffMs, pause } from "./wait.ts";

export type DeliverRules = RetryRules & {
  reportBatchItemFailures: boolean;
  /** Records older than this are given up; Infinity until the stream's retention is known. */
  ageMaxMs: () => number;
  retryDelayMaxMs: number;
};
export type DeliverPorts = {
  function: LocalFunction<KinesisStreamEvent>;
  onFailure: ((failed: FailedInvocation) => Promise<void>) | undefined;
  /** Durable when it resolves. Called with the last record that is done with. */
  checkpoint: (last: ShardRecord) => Promise<void>;
  log: LocalLog;
  now: () => number;
};
export type ShardNames = { mappingId: string; streamArn: string; shardId: string };

/**
 * Takes a batch of one shard through the handler until each of its records is done or given up, in order, and moves the
 * checkpoint as it goes. When `signal` is aborted the invocation in flight is still awaited and its outcome kept; what
 * is left then comes again after the checkpoint. Never throws for a failing handler.
 */
export async function deliverBatch(
  names: ShardNames,
  rules: DeliverRules,
  ports: DeliverPorts,
  records: ShardRecord[],
  signal: AbortSignal,
): Promise<void> {
  const { log } = ports;
  let attempts: Attempt[] = [{ records, retries: 0, invocations: 0 }];
  let failures = 0;
  for (let attempt = attempts[0]; attempt && !signal.aborted; attempt = attempts[0]) {
    const oldestMs = ports.now() - rules.ageMaxMs();
    const tooOld = attempt.records.findIndex((record) => record.arrivalMs >= oldestMs);
    if (tooOld !== 0) {
      const split = tooOld === -1 ? attempt.records.length : tooOld;
      await giveUp(attempt, attempt.records.slice(0, split), "RecordAgeExceeded", undefined);
      const younger = attempt.records.slice(split);
      attempts = [...(younger.length > 0 ? [{ ...attempt, records: younger }] : []), ...attempts.slice(1)];
      continue;
    }
    const invocation = await ports.function.invoke(toKinesisEvent(names.streamArn, names.shardId, attempt.records));
    const ending = endingOf(invocation, attempt.records, rules);
    const { done, again, discarded } = nextAttempts(attempt, ending, rules);
    const last = done.at(-1);
    if (last) await ports.checkpoint(last);
    if (discarded.length > 0) await giveUp(attempt, discarded, "RetryAttemptsExhausted", invocation);
    attempts = [...again, ...attempts.slice(1)];

    failures = ending.kind === "succeeded" ? 0 : failures + 1;
    if (ending.kind === "succeeded") continue;
    const error = invocation.kind === "failed" ? { err: invocation.error } : {};
    log.warn({ ...about(attempt.records), ending: ending.kind, retries: attempt.retries, ...error }, "batch not done");
    if (again.length > 0) await pause(backoffMs(failures, rules.retryDelayMaxMs), signal);
  }

  /** Moves on only when the destination has the records: it is their last copy beyond the stream's retention. */
  async function giveUp(
    attempt: Attempt,
    lost: ShardRecord[],
    condition: FailedInvocation["condition"],
    invocation: Invocation | undefined,
  ): Promise<void> {
    const last = lost.at(-1);
    if (!last) return;
    const failed: FailedInvocation = {
      ...names,
      functionArn: ports.function.arn,
      requestId: invocation?.requestId ?? randomUUID(),
      condition,
      functionError: invocation?.kind === "failed" ? "Unhandled" : undefined,
      invocations: attempt.invocations + (invocation ? 1 : 0),
      event: toKinesisEvent(names.streamArn, names.shardId, lost),
      atMs: ports.now(),
    };
    for (let tries = 1; ports.onFailure; tries += 1) {
      try {
        await ports.onFailure(failed);
        break;
      } catch (error) {
        log.error({ ...about(lost), condition, err: error }, "the on-failure destination did not take the records");
        await pause(backoffMs(tries, rules.retryDelayMaxMs), signal);
        if (signal.aborted) return;
      }
    }
    log.error({ ...about(lost), condition, kept: ports.onFailure !== undefined }, "records given up");
    await ports.checkpoint(last);
  }

  function about(some: ShardRecord[]) {
    const [first, last] = [some[0]?.sequenceNumber, some.at(-1)?.sequenceNumber];
    return {
      function: ports.function.name,
      stream: names.streamArn,
      shard: names.shardId,
      first,
      last,
      records: some.length,
    };
  }
}

function endingOf(invocation: Invocation, records: ShardRecord[], rules: DeliverRules): Ending {
  if (invocation.kind !== "returned") return { kind: invocation.kind };
  if (!rules.reportBatchItemFailures) return { kind: "succeeded" };
  const verdict = readPartialResponse(invocation.value, new Set(records.map((record) => record.sequenceNumber)));
  if (verdict.kind !== "reported") return verdict;
  // Records are in stream order, so the first that was reported has the lowest number.
  return { kind: "reported", index: records.findIndex((record) => verdict.ids.has(record.sequenceNumber)) };
}
