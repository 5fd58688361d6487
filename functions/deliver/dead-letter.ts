/** What could not be stored, as it goes to the `dlq` queue. `payload` is the record in base64. I-16. */
export type DeadLetter = {
  stage: "decode";
  code: "corrupt_frame";
  message: string;
  payload: string;
  shard: string;
  seq: string;
  attempt: number;
  received_at: string;
};

/** Takes every letter or throws: nothing is committed before its dead letters are safe. F43. */
export type RejectRecords = (letters: readonly DeadLetter[]) => Promise<void>;
