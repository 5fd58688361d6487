import * as z from "zod";

/** What lies beside an archive object and says what is in it; written after it, so what has none is not read. */
export const ArchiveManifest = z.object({
  version: z.literal(1),
  /** The object's key. */
  object: z.string(),
  /** Absent, as null, where nothing could be read. */
  workspace_id: z.string().nullable(),
  hour: z.iso.datetime(),
  stream: z.string(),
  shard: z.string(),
  first_seq: z.string(),
  last_seq: z.string(),
  records: z.int(),
  events: z.int(),
  bytes: z.int(),
  received_min: z.iso.datetime().nullable(),
  received_max: z.iso.datetime().nullable(),
  sources: z.array(z.string()),
});
export type ArchiveManifest = z.infer<typeof ArchiveManifest>;

/** Whether events of this time (milliseconds UTC, `to` left out) and source may be in the object. */
export function mayHold(
  { received_min, received_max, sources }: ArchiveManifest,
  { from, to, sourceId }: { from: number; to: number; sourceId?: string | undefined },
): boolean {
  if (received_min === null || received_max === null) return false;
  if (Date.parse(received_max) < from || Date.parse(received_min) >= to) return false;
  return sourceId === undefined || sources.includes(sourceId);
}
