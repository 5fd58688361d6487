/** What one archive object holds: the frames of one workspace and hour between two records of a shard, all of them. */
export type ArchivedRange = {
  /** Start of the hour in which its events were received, milliseconds UTC; of its records' arrival where nothing can be read. */
  hour: number;
  stream: string;
  shard: string;
  /** Sequence numbers of its first and last record: decimal text of up to 56 digits. */
  first: string;
  last: string;
  records: number;
  /** Events of the hour in it; frames may hold others too. */
  events: number;
  /** Size of the object. */
  bytes: number;
};

/** A record's place in the order of a workspace's archive. */
export type ArchivePlace = Pick<ArchivedRange, "hour" | "stream" | "shard"> & { seq: string };

export const HOUR_MS = 3_600_000;
export const hourOf = (ms: number): number => Math.floor(ms / HOUR_MS) * HOUR_MS;

/** Records that are no frames belong to nobody. */
export const CORRUPT_FOLDER = "archive/corrupt/";
export const folderOf = (workspaceId: string): string => `archive/workspace=${workspaceId}/`;
/** The folder of an hour in that of a workspace, or of what is corrupt: `hour=YYYY-MM-DDTHH/`. */
export const hourFolder = (folder: string, hour: number): string =>
  `${folder}hour=${new Date(hour).toISOString().slice(0, 13)}/`;

/**
 * The keys of an object and of its manifest. The object is named by what it holds, so a retry writes it again; the manifest
 * also by its counts, so that a listing tells them: `<stream>-<shard>-<first>-<last>.frames` and
 * `<stream>-<shard>-<first>-<last>.<records>-<events>-<bytes>.json`.
 */
export function keysOf(folder: string, range: ArchivedRange): { data: string; manifest: string } {
  const { hour, stream, shard, first, last, records, events, bytes } = range;
  const stem = `${hourFolder(folder, hour)}${stream}-${shard}-${first}-${last}`;
  return { data: `${stem}.frames`, manifest: `${stem}.${records}-${events}-${bytes}.json` };
}

const MANIFEST = /\/hour=([0-9T-]{13})\/(.+)-(shardId-\d+)-(\d+)-(\d+)\.(\d+)-(\d+)-(\d+)\.json$/;

/** What a manifest's key says; undefined for any other key. */
export function rangeOf(key: string): ArchivedRange | undefined {
  const found = MANIFEST.exec(key);
  if (!found) return undefined;
  const [, hour, stream = "", shard = "", first = "", last = "", records, events, bytes] = found;
  const counts = { records: Number(records), events: Number(events), bytes: Number(bytes) };
  return { hour: Date.parse(`${hour}:00:00Z`), stream, shard, first, last, ...counts };
}

/** The hour of a folder that a listing names; undefined for any other folder. */
export function hourIn(folder: string): number | undefined {
  const found = /\/hour=([0-9T-]{13})\/$/.exec(folder);
  return found ? Date.parse(`${found[1]}:00:00Z`) : undefined;
}

/** Sequence numbers are too long for numbers: the longer is the greater, and of equal length the digits decide. */
export const compareSeq = (a: string, b: string): number => a.length - b.length || compareText(a, b);

/** The order in which an archive is read: by hour, then shard by shard in the stream's order. */
export const comparePlaces = (a: ArchivePlace, b: ArchivePlace): number =>
  a.hour - b.hour || compareShards(a, b) || compareSeq(a.seq, b.seq);

/**
 * The ranges of one hour that are to be read, in the order of reading. Batches that were cut anew leave ranges inside
 * others, which are left out, and ranges that overlap, whose reader takes no record twice: each holds all between its ends.
 */
export function covering(ranges: readonly ArchivedRange[]): ArchivedRange[] {
  const sorted = ranges.toSorted(
    (a, b) => compareShards(a, b) || compareSeq(a.first, b.first) || compareSeq(b.last, a.last),
  );
  const kept: ArchivedRange[] = [];
  for (const range of sorted) {
    const before = kept.at(-1);
    if (before && compareShards(before, range) === 0 && compareSeq(range.last, before.last) <= 0) continue;
    kept.push(range);
  }
  return kept;
}

type OfShard = Pick<ArchivedRange, "stream" | "shard">;
const compareShards = (a: OfShard, b: OfShard) => compareText(a.stream, b.stream) || compareText(a.shard, b.shard);
const compareText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
