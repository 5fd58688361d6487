import type { SQSBatchResponse } from "aws-lambda";

/** What an invocation keeps of its time, so that it can say itself what is not done. */
export const ANSWER_MS = 2_000;

/** What comes again of a batch. Always a list: an empty return would be read as success. F16. */
export const answer = (failed: Iterable<string>): SQSBatchResponse => ({
  batchItemFailures: [...failed].map((itemIdentifier) => ({ itemIdentifier })),
});
