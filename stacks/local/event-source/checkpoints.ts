import { randomUUID } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";

/** How far one shard is done with. Sequence numbers are decimal text: they have 56 digits. */
const Position = z.strictObject({
  /** The last record that is done with; absent before the first. */
  after: z
    .string()
    .regex(/^\d{1,129}$/)
    .optional(),
  /** Records that arrived before are not wanted (a mapping that started at LATEST). */
  fromMs: z.number().optional(),
  /** Nothing unread was older than this when it was last looked at. */
  asOfMs: z.number(),
  /** The shard was split or merged, and is read to its end. */
  drained: z.literal(true).optional(),
});
export type Position = z.infer<typeof Position>;

const File = z.strictObject({
  version: z.literal(1),
  /** Names the mapping for good, as AWS's UUID of an event-source mapping does. */
  mappingId: z.uuid(),
  /** A stream of the same name that was made anew has other records under other numbers. */
  streamCreatedMs: z.number().optional(),
  shards: z.record(z.string(), Position),
});

export type Checkpoints = {
  mappingId: string;
  streamCreatedMs: () => number | undefined;
  all: () => ReadonlyMap<string, Position>;
  /** Durable when it resolves; calls that come while one is being written go together with the next. */
  save: (shardId: string, position: Position) => Promise<void>;
  /** Forgets every position; the file then belongs to the stream that was made at that time. */
  startOver: (streamCreatedMs: number) => Promise<void>;
  forget: (shardIds: string[]) => Promise<void>;
};

/**
 * The checkpoints of one mapping in one file, replaced whole by a rename, so that it is never half written. A file that
 * is there and cannot be read is an error: beginning again at the oldest record must be somebody's decision.
 */
export async function openCheckpoints(path: string): Promise<Checkpoints> {
  await mkdir(dirname(path), { recursive: true });
  const found = await readIfThere(path);
  let { streamCreatedMs } = found ?? {};
  const mappingId = found?.mappingId ?? randomUUID();
  const shards = new Map<string, Position>(Object.entries(found?.shards ?? {}));

  let writing: Promise<void> = Promise.resolve();
  let queued: Promise<void> | undefined;
  const write = async () => {
    queued = undefined;
    const file: z.infer<typeof File> = { version: 1, mappingId, streamCreatedMs, shards: Object.fromEntries(shards) };
    await writeFile(`${path}.new`, JSON.stringify(file));
    await rename(`${path}.new`, path);
  };
  const saveAll = () => {
    queued ??= writing = writing.then(write, write);
    return queued;
  };

  return {
    mappingId,
    streamCreatedMs: () => streamCreatedMs,
    all: () => shards,
    save: (shardId, position) => {
      shards.set(shardId, position);
      return saveAll();
    },
    startOver: (createdMs) => {
      streamCreatedMs = createdMs;
      shards.clear();
      return saveAll();
    },
    forget: (shardIds) => {
      for (const shardId of shardIds) shards.delete(shardId);
      return saveAll();
    },
  };
}

async function readIfThere(path: string): Promise<z.infer<typeof File> | undefined> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    return File.parse(JSON.parse(text));
  } catch (error) {
    throw new Error(
      `${path} holds no readable checkpoints. Put a good copy back, or delete it to read the stream again from its start.`,
      { cause: error },
    );
  }
}
