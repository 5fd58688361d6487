import { eachAtOnce } from "../kit/at-once.ts";
import { messageOf } from "../kit/errors.ts";
import { log } from "../kit/log.ts";
import { metrics } from "../kit/metrics.ts";
import { ANSWER_MS, answer } from "./answer.ts";
import { compareSeq } from "./archive-name.ts";
import { type ArchiveObject, archiveObjectsOf } from "./archive-objects.ts";
import type { DeliverHandler } from "./deliver.ts";

export type ArchivePorts = {
  /** Rejects unless it is stored, or when `signal` is aborted; the same key again is the same object. */
  put: (key: string, body: Buffer, signal: AbortSignal) => Promise<void>;
};

const OBJECTS_AT_ONCE = 8;

/**
 * Stream → archive, a consumer of its own beside the writer. Every record is kept as it is. An object is there before its
 * manifest, and both are named by what they hold: a batch that comes again writes them again, one that is cut anew leaves
 * objects that overlap, which readers resolve. A fault reports the lowest sequence number of what was not written. It holds
 * no more than twice an invocation's payload. reliability.md 2.1.
 */
export const createArchive =
  ({ put }: ArchivePorts): DeliverHandler =>
  async ({ Records }, context) => {
    const signal = AbortSignal.timeout(Math.max(context.getRemainingTimeInMillis() - ANSWER_MS, 1));
    const failed: string[] = [];
    await eachAtOnce(archiveObjectsOf(Records), OBJECTS_AT_ONCE, async (object) => {
      try {
        await put(object.data.key, object.data.body, signal);
        await put(object.manifest.key, object.manifest.body, signal);
        metrics.archived.frames(object.counts.records);
        metrics.archived.events(object.counts.events);
        metrics.archived.bytes(object.counts.bytes);
      } catch (error) {
        told(object, error);
        failed.push(object.first);
      }
    });
    const [lowest] = failed.sort(compareSeq);
    return answer(lowest === undefined ? [] : [lowest]);
  };

const told = ({ data }: ArchiveObject, error: unknown): void =>
  log.error({ object: data.key, error: messageOf(error) }, "object not archived, its records come again");
