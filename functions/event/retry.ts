/** A message of the `retry` queue, on its way back to the stream. I-15, I-17. */
export type Retry = SpilledFrame | ReplayedEvent;

/** A frame that the stream did not take in time, as it is; put again it is suspect. Decision 4. */
export type SpilledFrame = {
  kind: "frame";
  partitionKey: string;
  explicitHashKey?: string | undefined;
  record: Buffer;
};

/** A dead letter's event, possibly edited: it runs through the stages again, as if it had come at `receivedAt`. */
export type ReplayedEvent = {
  kind: "event";
  workspaceId: string;
  sourceId: string;
  /** JSON text in Segment's shape, with its `type`. */
  payload: string;
  messageId: string;
  receivedAt: number;
  /** The attempt that this is: the letter's and one more. */
  attempt: number;
  letterId: string;
  replayId: string;
};

/** Takes messages for the queue, in order: what became of each. Never throws. */
export type SendRetries = (messages: readonly Retry[]) => Promise<("stored" | "refused" | "unknown")[]>;
