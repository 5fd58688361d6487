import type { KinesisStreamRecord } from "aws-lambda";
import type { DeadLetter } from "../event/dead-letter.ts";
import { decodeFrame, type Frame } from "../event/frame.ts";
import { faultIn } from "../event/frame-fault.ts";
import { messageOf } from "../kit/errors.ts";
import { letterIdOf } from "./dead-letter.ts";

/** One stream record, read: its events are numbered 0, 1, 2 … in the order of the frame. */
export type Piece = { seq: string; frame: Frame };

/** What the table holds of a sequence number. Kinesis allows for more and uses 56. */
const SEQ_DIGITS_MAX = 56;

/** Records → pieces. What is no frame of ours leaves here as a dead letter; it never throws for it. Decision 14, F15. */
export function prepare(
  records: readonly KinesisStreamRecord[],
  shard: string,
): { pieces: Piece[]; rejected: DeadLetter[] } {
  const pieces: Piece[] = [];
  const rejected: DeadLetter[] = [];
  for (const { kinesis } of records) {
    try {
      const { sequenceNumber: seq } = kinesis;
      if (seq.length > SEQ_DIGITS_MAX) throw new Error(`a sequence number of ${seq.length} digits`);
      pieces.push({ seq, frame: decodeFrame(Buffer.from(kinesis.data, "base64")) });
    } catch (error) {
      rejected.push(corrupt(kinesis, shard, messageOf(error)));
    }
  }
  return { pieces, rejected };
}

/** The pieces that can be read to their last text, and a dead letter of each other one. */
export function withoutBroken(
  records: readonly KinesisStreamRecord[],
  pieces: readonly Piece[],
  shard: string,
): { sound: Piece[]; broken: DeadLetter[] } {
  const faults = new Map(pieces.flatMap(({ seq, frame }) => [[seq, faultIn(frame) ?? ""]] as const));
  return {
    sound: pieces.filter(({ seq }) => !faults.get(seq)),
    broken: records.flatMap(({ kinesis }) => {
      const fault = faults.get(kinesis.sequenceNumber);
      return fault ? [corrupt(kinesis, shard, fault)] : [];
    }),
  };
}

/** Nothing in it can be trusted, so it belongs to nobody. A retry makes the very same letter: its time is the stream's. */
function corrupt(kinesis: KinesisStreamRecord["kinesis"], shard: string, message: string): DeadLetter {
  const arrivedAt = Math.round(kinesis.approximateArrivalTimestamp * 1_000);
  return {
    id: letterIdOf(shard, kinesis.sequenceNumber, "", "decode"),
    workspaceId: "",
    sourceId: "",
    messageId: "",
    type: "",
    event: "",
    stage: "decode",
    code: "corrupt_frame",
    field: "",
    message,
    payloadKind: "record",
    payload: kinesis.data,
    attempt: 1,
    trace: `${shard}:${kinesis.sequenceNumber}`,
    replayId: "",
    receivedAt: arrivedAt,
    rejectedAt: arrivedAt,
  };
}
