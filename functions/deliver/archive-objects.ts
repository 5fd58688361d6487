import type { KinesisStreamRecord } from "aws-lambda";
import { FRAME_COLUMNS } from "../event/columns.ts";
import { decodeFrame, type Frame, isArchived } from "../event/frame.ts";
import { valuesOf } from "../event/frame-reader.ts";
import { uuidOf } from "../kit/id.ts";
import { type ArchivedRecord, writeRecords } from "./archive-layout.ts";
import type { ArchiveManifest } from "./archive-manifest.ts";
import { type ArchivedRange, CORRUPT_FOLDER, folderOf, HOUR_MS, hourOf, keysOf } from "./archive-name.ts";

/** An object and its manifest; `first` is the sequence number of its first record, `counts` is what it holds. */
export type ArchiveObject = {
  first: string;
  counts: Pick<ArchivedRange, "records" | "events" | "bytes">;
  data: File;
  manifest: File;
};
type File = { key: string; body: Buffer };

/**
 * What the archive keeps of a batch of one shard: an object for each workspace and hour in which its events were received.
 * A frame whose events lie in several hours is in each of them, so that each event is found in its own. What is no frame is
 * kept by the hour of its arrival; what comes from the archive is there already. The same batch makes the same objects.
 */
export function archiveObjectsOf(records: readonly KinesisStreamRecord[]): ArchiveObject[] {
  const groups = new Map<string, Group>();
  const groupAt = (workspaceId: string | undefined, hour: number): Group => {
    const key = `${workspaceId} ${hour}`;
    const known = groups.get(key);
    if (known) return known;
    const group = { workspaceId, hour, records: [], times: noTimes(), sources: new Set<string>() };
    groups.set(key, group);
    return group;
  };
  for (const { kinesis } of records) {
    const record = Buffer.from(kinesis.data, "base64");
    const read = readable(record);
    const kept = { seq: kinesis.sequenceNumber, record };
    if (!read) groupAt(undefined, hourOf(kinesis.approximateArrivalTimestamp * 1_000)).records.push(kept);
    else if (!isArchived(record)) addFrame((hour) => groupAt(read.frame.workspaceId, hour), kept, read);
  }
  const place = placeOf(records);
  return [...groups.values()].map((group) => objectOf(group, place));
}

const noTimes = () => ({ count: 0, min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY });

type Group = {
  workspaceId: string | undefined;
  hour: number;
  records: ArchivedRecord[];
  times: { count: number; min: number; max: number };
  sources: Set<string>;
};

type Read = { frame: Frame; times: number[] };

/** Times that no folder could be named after are no frame of ours either. */
const TIME_END = Date.UTC(10_000);

function readable(record: Buffer): Read | undefined {
  try {
    const frame = decodeFrame(record);
    const times = valuesOf(frame, "received_at").map(Number);
    return times.every((time) => time >= 0 && time < TIME_END) ? { frame, times } : undefined;
  } catch {
    return undefined;
  }
}

function addFrame(groupAt: (hour: number) => Group, kept: ArchivedRecord, { frame, times: received }: Read): void {
  const sources = sourcesOf(frame);
  let group: Group | undefined;
  for (const time of received) {
    if (group === undefined || time < group.hour || time >= group.hour + HOUR_MS) {
      group = groupAt(hourOf(time));
      if (group.records.at(-1) !== kept) group.records.push(kept);
      for (const source of sources) group.sources.add(source);
    }
    const { times } = group;
    times.count += 1;
    if (time < times.min) times.min = time;
    if (time > times.max) times.max = time;
  }
}

const SOURCE_COLUMN = FRAME_COLUMNS.findIndex(({ name }) => name === "source_id");

/** The sources of a frame: mostly one, so only what differs from its neighbour becomes a text. */
function sourcesOf({ columns, events }: Frame): Set<string> {
  const column = bufferOf(columns[SOURCE_COLUMN]);
  const sources = new Set<string>();
  for (let at = 0; at < events * 16; at += 16)
    if (at === 0 || column.compare(column, at - 16, at, at, at + 16) !== 0)
      sources.add(uuidOf(column.subarray(at, at + 16)));
  return sources;
}

const bufferOf = (bytes: Uint8Array = new Uint8Array()) =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** The stream and shard of a batch: from the ARN, and the event id `shardId-…:seq`. */
function placeOf([first]: readonly KinesisStreamRecord[]): Pick<ArchivedRange, "stream" | "shard"> {
  return { stream: first?.eventSourceARN.split("/").at(-1) ?? "", shard: first?.eventID.split(":")[0] ?? "" };
}

function objectOf(group: Group, place: Pick<ArchivedRange, "stream" | "shard">): ArchiveObject {
  const { workspaceId, hour, records, times, sources } = group;
  const body = writeRecords(records);
  const [first, last] = [records[0]?.seq ?? "", records.at(-1)?.seq ?? ""];
  const counts = { records: records.length, events: times.count, bytes: body.length };
  const range: ArchivedRange = { hour, ...place, first, last, ...counts };
  const keys = keysOf(workspaceId === undefined ? CORRUPT_FOLDER : folderOf(workspaceId), range);
  const manifest: ArchiveManifest = {
    version: 1,
    object: keys.data,
    workspace_id: workspaceId ?? null,
    hour: new Date(hour).toISOString(),
    ...place,
    first_seq: first,
    last_seq: last,
    ...counts,
    received_min: times.count > 0 ? new Date(times.min).toISOString() : null,
    received_max: times.count > 0 ? new Date(times.max).toISOString() : null,
    sources: [...sources].sort(),
  };
  return {
    first,
    counts,
    data: { key: keys.data, body },
    manifest: { key: keys.manifest, body: Buffer.from(JSON.stringify(manifest)) },
  };
}
