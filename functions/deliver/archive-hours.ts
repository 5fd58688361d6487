import { inGroups } from "../kit/at-once.ts";
import { type ArchivedRange, covering, folderOf, HOUR_MS, hourFolder, hourIn, rangeOf } from "./archive-name.ts";

export type ArchiveListPorts = {
  /** Every key below a folder. */
  keysIn: (folder: string) => Promise<string[]>;
  /** The folders of a folder. */
  foldersIn: (folder: string) => Promise<string[]>;
};

/** What is archived of an hour. Where batches were cut anew and overlap, records of both are counted; a replay takes each once. */
export type ArchivedHour = { hour: number; objects: number; records: number; events: number; bytes: number };

/** Listings of this many hours run at a time. */
const HOURS_AT_ONCE = 8;

export type ArchiveHours = ReturnType<typeof createArchiveHours>;

/** The hours of [from, to) in which a workspace has archived events, the latest first, behind `before`. B-08. */
export const createArchiveHours =
  (ports: ArchiveListPorts) =>
  async (
    workspaceId: string,
    { from, to, before, limit }: { from: number; to: number; before?: number | undefined; limit: number },
  ): Promise<{ hours: ArchivedHour[]; next: number | undefined }> => {
    const found = (await hoursIn(ports, workspaceId, { from, to })).reverse();
    const left = before === undefined ? found : found.filter((hour) => hour < before);
    const page = left.slice(0, limit);
    const hours = await inGroups(page, HOURS_AT_ONCE, (hour) => summed(ports, workspaceId, hour));
    return { hours, next: left.length > limit ? page.at(-1) : undefined };
  };

async function summed(ports: ArchiveListPorts, workspaceId: string, hour: number): Promise<ArchivedHour> {
  const ranges = await rangesIn(ports, workspaceId, hour);
  const sum = (of: "records" | "events" | "bytes") => ranges.reduce((total, range) => total + range[of], 0);
  return { hour, objects: ranges.length, records: sum("records"), events: sum("events"), bytes: sum("bytes") };
}

/** The hours that a workspace's archive has and that [from, to) touches, ascending. */
export async function hoursIn(
  { foldersIn }: ArchiveListPorts,
  workspaceId: string,
  { from, to }: { from: number; to: number },
): Promise<number[]> {
  const hours = (await foldersIn(folderOf(workspaceId))).map(hourIn);
  return hours
    .filter((hour) => hour !== undefined)
    .filter((hour) => hour + HOUR_MS > from && hour < to)
    .sort((a, b) => a - b);
}

/** The objects of an hour that together hold all of its records, in the order of reading. */
export async function rangesIn(
  { keysIn }: ArchiveListPorts,
  workspaceId: string,
  hour: number,
): Promise<ArchivedRange[]> {
  const keys = await keysIn(hourFolder(folderOf(workspaceId), hour));
  return covering(keys.map(rangeOf).filter((range) => range !== undefined));
}
