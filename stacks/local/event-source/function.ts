import { randomUUID } from "node:crypto";
import type { Callback, Context } from "aws-lambda";

/** A Lambda handler of any event; what it answers is judged by whoever invoked it. */
export type LambdaHandler<Event> = (event: Event, context: Context, callback: Callback) => unknown;

/** What became of one invocation. `throttled`: the handler never ran. */
export type Invocation =
  | { kind: "returned"; requestId: string; value: unknown }
  | { kind: "failed"; requestId: string; error: unknown }
  | { kind: "throttled"; requestId: string };

export type LocalFunction<Event> = { name: string; arn: string; invoke: (event: Event) => Promise<Invocation> };

/** The account and region that the local engines put into their own names. */
export const LOCAL_ACCOUNT = "000000000000";
export const LOCAL_REGION = "us-east-1";

/**
 * A handler that is called in this process as Lambda calls a deployed one: with a context, a time limit, and at most
 * `concurrencyMax` invocations at once (further ones are throttled, not queued). Never throws.
 */
export function createFunction<Event>(made: {
  name: string;
  handler: LambdaHandler<Event>;
  timeoutMs: number;
  concurrencyMax?: number;
}): LocalFunction<Event> {
  const { name, handler, timeoutMs, concurrencyMax = 1_000 } = made;
  const arn = `arn:aws:lambda:${LOCAL_REGION}:${LOCAL_ACCOUNT}:function:${name}`;
  let running = 0;
  const invoke = async (event: Event): Promise<Invocation> => {
    const requestId = randomUUID();
    if (running >= concurrencyMax) return { kind: "throttled", requestId };
    running += 1;
    const limit = timeLimit(name, timeoutMs);
    try {
      const call = async () => handler(event, contextOf(name, arn, requestId, Date.now() + timeoutMs), noCallback);
      // Nothing stops a handler that runs on after its time: the invocation is over for the caller, its late result is
      // ignored, its late writes are not. That is the zombie of fault F9, and on Lambda it exists as well.
      return { kind: "returned", requestId, value: await Promise.race([call(), limit.passed]) };
    } catch (error) {
      return { kind: "failed", requestId, error };
    } finally {
      limit.clear();
      running -= 1;
    }
  };
  return { name, arn, invoke };
}

/** The runtime of Node 24 has no callback-style handlers. */
const noCallback: Callback = () => {
  throw new Error("Lambda's Node 24 runtime takes the result of the returned promise, not of a callback");
};

function timeLimit(name: string, timeoutMs: number): { passed: Promise<never>; clear: () => void } {
  const { promise, reject } = Promise.withResolvers<never>();
  const seconds = (timeoutMs / 1_000).toFixed(2);
  const timer = setTimeout(() => reject(new Error(`${name}: task timed out after ${seconds} seconds`)), timeoutMs);
  return { passed: promise, clear: () => clearTimeout(timer) };
}

const contextOf = (functionName: string, arn: string, awsRequestId: string, deadlineMs: number): Context => ({
  callbackWaitsForEmptyEventLoop: true,
  functionName,
  functionVersion: "$LATEST",
  invokedFunctionArn: arn,
  memoryLimitInMB: "1024",
  awsRequestId,
  logGroupName: `/aws/lambda/${functionName}`,
  logStreamName: "local",
  getRemainingTimeInMillis: () => Math.max(0, deadlineMs - Date.now()),
  done: noCallback,
  fail: noCallback,
  succeed: noCallback,
});
