/** Where on its way an event was refused. */
export type Stage = "parse" | "validate" | "late" | "flatten" | "schema" | "plan" | "decode" | "transform" | "insert";

/**
 * An event, or a stream record, that was refused, as it goes to the `dlq` queue and is kept in `dead_letters`. Its
 * `payload` is what was sent: an event as JSON text in Segment's shape (`event`), or a record in base64 (`record`).
 * `id` names this refusal for ever: the same one sent twice is one row. I-16, C-25, F43.
 */
export type DeadLetter = {
  id: string;
  /** Empty where the record could not be read. */
  workspaceId: string;
  sourceId: string;
  messageId: string;
  /** The call (`track` …), empty where unknown; `event` is the track event's name. */
  type: string;
  event: string;
  stage: Stage;
  /** One of the codes of `kit/errors.ts`, or `corrupt_frame`, `transform_failed`, `insert_failed`. */
  code: string;
  field: string;
  message: string;
  payloadKind: "event" | "record";
  payload: string;
  /** 1 at the door; a replay that fails again comes back with one more. */
  attempt: number;
  /** The request that brought it, or the place of the record in its stream. */
  trace: string;
  /** The replay that failed, else empty. */
  replayId: string;
  /** When the event came to the door, and when it was refused; milliseconds UTC. */
  receivedAt: number;
  rejectedAt: number;
};

/** Takes every letter or throws: nothing is committed, and nobody is answered, before its dead letters are safe. F43. */
export type RejectEvents = (letters: readonly DeadLetter[]) => Promise<void>;

/** The workspace of what could not be read: it is kept as nobody's, and no tenant's question finds it. */
export const NOBODY = "00000000-0000-0000-0000-000000000000";
