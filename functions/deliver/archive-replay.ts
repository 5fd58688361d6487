import type { SendRetries, SpilledFrame } from "../event/retry.ts";
import { log } from "../kit/log.ts";
import { type ArchiveListPorts, hoursIn, rangesIn } from "./archive-hours.ts";
import { readRecords } from "./archive-layout.ts";
import { ArchiveManifest, mayHold } from "./archive-manifest.ts";
import { type ArchivedRange, type ArchivePlace, comparePlaces, folderOf, HOUR_MS, keysOf } from "./archive-name.ts";
import { type Chosen, chosenFrame } from "./archive-select.ts";
import { queueRefused } from "./queue-refused.ts";

export type ArchiveReplayPorts = ArchiveListPorts & {
  /** Rejects when it is not there. */
  get: (key: string) => Promise<Buffer>;
  sendRetries: SendRetries;
  newId: () => string;
  now: () => number;
  orderBuckets: number;
};

/** Where a call ended, and the replay that it belongs to. */
export type ReplayPlace = ArchivePlace & { replayId: string };
export type ArchiveReplayAsked = Chosen & { dryRun: boolean; after?: ReplayPlace | undefined };

/**
 * What a call sent again, or with `dryRun` would send. `skipped` are records that cannot be read; `next` is there when the
 * call ended before the range did.
 */
export type ArchiveReplayed = {
  replayId: string;
  events: number;
  records: number;
  skipped: number;
  next: ReplayPlace | undefined;
};
export type ReplayArchive = ReturnType<typeof createReplayArchive>;

/** A page fits a function's memory, and some 40 messages of the queue. */
const PAGE = { frames: 2_000, bytes: 8 * 1_024 * 1_024 };
export const REPLAY_EVENTS_MAX = 100_000;
/** A call answers within a function's time, however little of what it reads is chosen. */
const CALL_MS_MAX = 15_000;

/**
 * Archive → retry queue → stream, for the events that a workspace received in a range of time. Each archived record is
 * taken once, by its shard and sequence number, and is suspect when it is put: what the table holds is not stored again, so
 * a call may be repeated, and one that ended early is gone on with behind `after`. Throws `unavailable` when the queue did
 * not take everything. B-08, F42.
 */
export const createReplayArchive =
  (ports: ArchiveReplayPorts) =>
  async (workspaceId: string, asked: ArchiveReplayAsked): Promise<ArchiveReplayed> => {
    const replayId = asked.after?.replayId ?? ports.newId();
    const endsAt = ports.now() + CALL_MS_MAX;
    const done = { events: 0, records: 0, skipped: 0 };
    const send = async (page: SpilledFrame[]) => {
      if (page.length > 0 && !asked.dryRun) await sendAll(ports, replayId, page);
    };
    let page: SpilledFrame[] = [];
    let pageBytes = 0;
    let last: ArchivePlace | undefined;
    let truncated = false;
    for await (const { place, found } of chosenOf(ports, workspaceId, asked)) {
      const events = typeof found === "object" ? found.events : 0;
      truncated = last !== undefined && (done.events + events > REPLAY_EVENTS_MAX || ports.now() > endsAt);
      if (truncated) break;
      last = place;
      if (found === "skipped") done.skipped += 1;
      if (typeof found !== "object") continue;
      done.events += events;
      done.records += 1;
      page.push(found.frame);
      pageBytes += found.frame.record.length;
      if (page.length < PAGE.frames && pageBytes < PAGE.bytes) continue;
      await send(page);
      [page, pageBytes] = [[], 0];
    }
    await send(page);
    const { from, to, sourceId, dryRun } = asked;
    const range = { from: new Date(from).toISOString(), to: new Date(to).toISOString(), source_id: sourceId };
    if (!dryRun)
      log.info({ workspace_id: workspaceId, replay_id: replayId, ...range, ...done, truncated }, "archive replayed");
    return { replayId, ...done, next: truncated && last ? { replayId, ...last } : undefined };
  };

async function sendAll({ sendRetries }: ArchiveReplayPorts, replayId: string, page: SpilledFrame[]): Promise<void> {
  const results = await sendRetries(page);
  if (results.every((result) => result === "stored")) return;
  throw queueRefused(replayId);
}

/** A record, or a range that was passed over whole, and what is chosen of it. */
type Step = { place: ArchivePlace; found: ReturnType<typeof chosenFrame> };

async function* chosenOf(
  ports: ArchiveReplayPorts,
  workspaceId: string,
  { after, ...chosen }: ArchiveReplayAsked,
): AsyncGenerator<Step> {
  let taken: ArchivePlace | undefined = after;
  const isTaken = (place: ArchivePlace) => taken !== undefined && comparePlaces(place, taken) <= 0;
  for (const hour of await hoursIn(ports, workspaceId, chosen)) {
    if (taken && hour < taken.hour) continue;
    // A frame lies in the hour of each of its events: of each hour only its own are taken.
    const own = { ...chosen, from: Math.max(chosen.from, hour), to: Math.min(chosen.to, hour + HOUR_MS) };
    const isWhole = own.to - own.from === HOUR_MS && own.sourceId === undefined;
    for (const range of await rangesIn(ports, workspaceId, hour)) {
      const end = placeIn(range, range.last);
      if (isTaken(end)) continue;
      const keys = keysOf(folderOf(workspaceId), range);
      if (!isWhole && !mayHold(await manifestAt(ports, keys.manifest), own)) {
        yield { place: end, found: undefined };
        continue;
      }
      for (const { seq, record } of readRecords(await objectAt(ports, keys.data, range.bytes))) {
        const place = placeIn(range, seq);
        if (isTaken(place)) continue;
        taken = place;
        yield { place, found: chosenFrame(workspaceId, record, own, ports.orderBuckets) };
      }
    }
  }
}

const placeIn = ({ hour, stream, shard }: ArchivedRange, seq: string): ArchivePlace => ({ hour, stream, shard, seq });

/** An object of another size than its manifest says would be read in part, and nobody would know. */
async function objectAt({ get }: ArchiveReplayPorts, key: string, bytes: number): Promise<Buffer> {
  const object = await get(key);
  if (object.length !== bytes) throw new Error(`${key} has ${object.length} bytes, and its manifest says ${bytes}`);
  return object;
}

const manifestAt = async ({ get }: ArchiveReplayPorts, key: string): Promise<ArchiveManifest> =>
  ArchiveManifest.parse(JSON.parse((await get(key)).toString()));
