import type { KinesisStreamRecord } from "aws-lambda";
import { decodeFrame, type Frame } from "../event/frame.ts";
import { messageOf } from "../kit/errors.ts";
import type { DeadLetter } from "./dead-letter.ts";

/** One stream record, read: its events are numbered 0, 1, 2 … in the order of the frame. */
export type Piece = { seq: string; frame: Frame };

/** Records → pieces. What is no frame of ours leaves here as a dead letter; it never throws for it. Decision 14, F15. */
export function prepare(
  records: readonly KinesisStreamRecord[],
  shard: string,
): { pieces: Piece[]; rejected: DeadLetter[] } {
  const pieces: Piece[] = [];
  const rejected: DeadLetter[] = [];
  for (const { kinesis } of records) {
    try {
      pieces.push({ seq: kinesis.sequenceNumber, frame: decodeFrame(Buffer.from(kinesis.data, "base64")) });
    } catch (error) {
      rejected.push({
        stage: "decode",
        code: "corrupt_frame",
        message: messageOf(error),
        payload: kinesis.data,
        shard,
        seq: kinesis.sequenceNumber,
        attempt: 1,
        received_at: new Date(kinesis.approximateArrivalTimestamp * 1_000).toISOString(),
      });
    }
  }
  return { pieces, rejected };
}
