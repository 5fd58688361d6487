import { NOBODY } from "../event/dead-letter.ts";
import { decodeFrame } from "../event/frame.ts";
import { orderKeyOfFrame } from "../event/frame-key.ts";
import type { Retry, SendRetries } from "../event/retry.ts";
import type { ChosenLetters } from "../explore/dead-letters.ts";
import { AppError } from "../kit/errors.ts";
import { queueRefused } from "./queue-refused.ts";

/** What a replay needs of a letter. */
export type WholeLetter = {
  id: string;
  sourceId: string;
  messageId: string;
  type: string;
  payloadKind: "event" | "record";
  payload: string;
  attempt: number;
  receivedAt: number;
  rejectedAt: number;
};

/** That a letter was replayed. `sent`: the retry queue has it, or may have it. */
export type ReplayNote = {
  letterId: string;
  replayId: string;
  messageId: string;
  edited: boolean;
  sent: boolean;
  requestedAt: number;
};
export type NoteReplays = (workspaceId: string, notes: readonly ReplayNote[]) => Promise<void>;

export type ReplayLettersPorts = {
  /** The next letters, the oldest first, behind `after`; none at the end. */
  wholeAfter: (
    workspaceId: string,
    chosen: ChosenLetters,
    after: { rejectedAt: number; id: string } | undefined,
    max: { limit: number; bytes: number },
  ) => Promise<WholeLetter[]>;
  sendRetries: SendRetries;
  noteReplays: NoteReplays;
  newId: () => string;
  now: () => number;
  orderBuckets: number;
};

/** What a call sent again. `skipped` are records that still cannot be read; `truncated`: there are more, call again with a later `from`. */
export type Replayed = { replay_id: string; count: number; skipped: number; truncated: boolean };
export type ReplayLetters = ReturnType<typeof createReplayLetters>;

/** A page fits a function's memory, and some 40 messages of the queue. */
const PAGE = { limit: 2_000, bytes: 8 * 1_024 * 1_024 };
export const REPLAY_LETTERS_MAX = 100_000;

/**
 * Dead letters → retry queue. A letter never changes: that it was replayed is noted beside it. Sending twice stores once,
 * by the claim of `ingest/replay.ts`; so a call that ended half way may be made again. I-17, F42.
 */
export function createReplayLetters(ports: ReplayLettersPorts) {
  const send = async (workspaceId: string, replayId: string, retries: readonly Retrying[], edited: boolean) => {
    const results = await ports.sendRetries(retries.map(({ retry }) => retry));
    const requestedAt = ports.now();
    const notes = retries.map(({ letter: { id: letterId, messageId } }, index) => {
      return { letterId, replayId, messageId, edited, sent: results[index] !== "refused", requestedAt };
    });
    if (notes.length > 0) await ports.noteReplays(workspaceId, notes);
    if (notes.some(({ sent }) => !sent)) throw queueRefused(replayId);
  };

  return {
    /** One letter, with another event in its place when there is one. Throws `validation_failed` when it cannot be sent. */
    one: async (workspaceId: string, letter: WholeLetter, edited?: Record<string, unknown>): Promise<Replayed> => {
      const replayId = ports.newId();
      const retry = edited
        ? editedRetry(workspaceId, letter, replayId, edited)
        : retryOf(workspaceId, letter, replayId, ports.orderBuckets);
      if (!retry) throw new AppError("validation_failed", UNREADABLE);
      await send(workspaceId, replayId, [{ letter, retry }], edited !== undefined);
      return { replay_id: replayId, count: 1, skipped: 0, truncated: false };
    },

    /** All that are chosen and were refused before now, page by page; what fails again meanwhile is not taken up again. */
    chosen: async (workspaceId: string, chosen: ChosenLetters): Promise<Replayed> => {
      const replayId = ports.newId();
      const to = Math.min(chosen.filter.to ?? Number.POSITIVE_INFINITY, ports.now());
      const until = { ...chosen, filter: { ...chosen.filter, to } };
      let [count, skipped] = [0, 0];
      let after: WholeLetter | undefined;
      for (;;) {
        const limit = Math.min(PAGE.limit, REPLAY_LETTERS_MAX - count - skipped);
        const page = await ports.wholeAfter(workspaceId, until, after, { ...PAGE, limit: Math.max(limit, 1) });
        if (page.length === 0 || limit === 0)
          return { replay_id: replayId, count, skipped, truncated: page.length > 0 };
        const retries = page.flatMap((letter) => {
          const retry = retryOf(workspaceId, letter, replayId, ports.orderBuckets);
          return retry ? [{ letter, retry }] : [];
        });
        await send(workspaceId, replayId, retries, false);
        count += retries.length;
        skipped += page.length - retries.length;
        after = page.at(-1);
      }
    },
  };
}

type Retrying = { letter: WholeLetter; retry: Retry };

const UNREADABLE = "This letter is a record of the stream that cannot be read, so there is nothing to send again.";
/** A letter's event as it was, or its record where it can be read by now; undefined where it cannot. */
function retryOf(workspaceId: string, letter: WholeLetter, replayId: string, orderBuckets: number): Retry | undefined {
  return letter.payloadKind === "event"
    ? eventRetry(workspaceId, letter, replayId, letter.payload)
    : frameRetry(workspaceId, letter, orderBuckets);
}

function editedRetry(
  workspaceId: string,
  letter: WholeLetter,
  replayId: string,
  edited: Record<string, unknown>,
): Retry | undefined {
  if (letter.payloadKind === "record") return undefined;
  const { messageId = letter.messageId } = edited;
  if (letter.messageId !== "" && messageId !== letter.messageId)
    throw new AppError("validation_failed", CHANGED_ID, { field: "payload.messageId" });
  return eventRetry(workspaceId, letter, replayId, JSON.stringify({ type: letter.type, ...edited }));
}

const CHANGED_ID = "A replay keeps the event's messageId: by it the event is stored once.";

const eventRetry = (workspaceId: string, letter: WholeLetter, replayId: string, payload: string): Retry => ({
  kind: "event",
  workspaceId,
  sourceId: letter.sourceId,
  payload,
  messageId: letter.messageId,
  receivedAt: letter.receivedAt,
  attempt: letter.attempt + 1,
  letterId: letter.id,
  replayId,
});

/** A record that an older reader did not know. It goes where the door would have put it, and must be the caller's own. */
function frameRetry(workspaceId: string, { payload }: WholeLetter, orderBuckets: number): Retry | undefined {
  try {
    const record = Buffer.from(payload, "base64");
    const frame = decodeFrame(record);
    if (frame.workspaceId !== workspaceId && workspaceId !== NOBODY) return undefined;
    return { kind: "frame", ...orderKeyOfFrame(frame, orderBuckets), record };
  } catch {
    return undefined;
  }
}
