import * as z from "zod";
import type { DeadLetter, RejectEvents, Stage } from "../../event/dead-letter.ts";
import { dayOf } from "../../kit/day.ts";
import type { ReadEntries, SendEntries } from "./message-lines.ts";

/** Sends what was refused to the `dlq` queue. Throws unless every letter was taken, so that nothing is committed. F43. */
export const createRejectEvents =
  (send: SendEntries): RejectEvents =>
  async (letters) => {
    const results = await send(
      letters.map((letter) => ({
        value: letter,
        key: () => `dead-letters/${letter.workspaceId || "unknown"}/${dayOf(letter.rejectedAt)}/${letter.id}`,
      })),
    );
    const lost = results.filter((result) => result !== "stored").length;
    if (lost > 0) throw new Error(`${lost} of ${letters.length} dead letters were not taken by the queue`);
  };

/** The letters of one message of that queue, whole. Rejects for a message that is not ours. */
export const createReadLetters =
  (read: ReadEntries) =>
  async (body: string): Promise<DeadLetter[]> =>
    z.array(Letter).parse(await read(body));

const text = z.string();
const Letter: z.ZodType<DeadLetter> = z.object({
  id: text.min(1),
  workspaceId: text,
  sourceId: text,
  messageId: text,
  type: text,
  event: text,
  stage: text as unknown as z.ZodType<Stage>,
  code: text,
  field: text,
  message: text,
  payloadKind: z.enum(["event", "record"]),
  payload: text,
  attempt: z.int().min(1),
  trace: text,
  replayId: text,
  receivedAt: z.int(),
  rejectedAt: z.int(),
});
