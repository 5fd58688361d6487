import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, constants, existsSync, openSync } from "node:fs";
import { copyFile, type FileHandle, mkdir, open, rm, unlink } from "node:fs/promises";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

/** Where one warehouse keeps what is on its way in or out: files of rows for the engine, and pipes from it. */
export type Scratch = {
  spool: (chunks: AsyncIterable<Buffer>) => Promise<Spooled>;
  pipe: () => Promise<Pipe>;
  remove: () => Promise<void>;
};
export type Spooled = { path: string; bytes: number; remove: () => Promise<void> };
export type Pipe = {
  path: string;
  /** What the engine writes, with back-pressure: read it to its end, which comes after `close`. */
  chunks: AsyncIterableIterator<Buffer>;
  /** The engine has ended (or never began): nothing more will be written. */
  close: () => void;
};

/** Uploads beyond this go on in a file on disk, so that memory stays bounded. */
const MEMORY_FILE_BYTES_MAX = 64 * 1024 * 1024;
/** Each write is a turn through the thread pool; a body of the writer's size needs one or two. */
const WRITE_BYTES = 512 * 1024;

/**
 * Opens the two folders (0700), emptied first: call it when the
 * engine's lock is held, since what a killed predecessor left there is removed.
 */
export async function openScratch(dataDir: string): Promise<Scratch> {
  const folders = scratchFolders(dataDir);
  const [memory, disk] = folders;
  for (const folder of folders) {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { mode: 0o700 });
  }
  let files = 0;
  const idlePipes: string[] = [];
  const makePipe = async () => {
    const path = join(memory, `pipe-${++files}`);
    await promisify(execFile)("mkfifo", ["-m", "600", path]);
    return path;
  };
  return {
    spool: (chunks) => spool(chunks, join(memory, `rows-${++files}`), join(disk, `rows-${files}`)),
    pipe: async () => openPipe(idlePipes.pop() ?? (await makePipe()), (path) => idlePipes.push(path)),
    remove: async () => {
      for (const folder of folders) await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Named after the data directory, so that the next process on it finds what a killed one left: in memory, on disk. */
export function scratchFolders(dataDir: string): [memory: string, disk: string] {
  const name = `millrace-warehouse-${createHash("sha256").update(resolve(dataDir)).digest("hex").slice(0, 16)}`;
  return [join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), `${name}-memory`), join(tmpdir(), `${name}-disk`)];
}

/** Nothing is left behind when the upload breaks off. */
async function spool(chunks: AsyncIterable<Buffer>, inMemory: string, onDisk: string): Promise<Spooled> {
  let path = inMemory;
  let file: FileHandle = await open(path, "wx", 0o600);
  let bytes = 0;
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  const write = async () => {
    await file.writeFile(Buffer.concat(waiting)); // writev may stop half way
    [waiting, waitingBytes] = [[], 0];
  };
  try {
    for await (const chunk of chunks) {
      waiting.push(chunk);
      waitingBytes += chunk.length;
      bytes += chunk.length;
      if (waitingBytes < WRITE_BYTES) continue;
      await write();
      if (bytes > MEMORY_FILE_BYTES_MAX && path === inMemory) {
        await file.close();
        await copyFile(inMemory, onDisk, constants.COPYFILE_EXCL);
        await unlink(inMemory);
        path = onDisk;
        file = await open(path, "a", 0o600);
      }
    }
    if (waiting.length > 0) await write();
    await file.close();
    return { path, bytes, remove: () => unlink(path) };
  } catch (error) {
    await file.close();
    await unlink(path);
    throw error;
  }
}

/**
 * Both ends are opened here before the engine opens its own: its open never blocks, and the reader sees an end only
 * when we close the writing end.
 */
function openPipe(path: string, release: (path: string) => void): Pipe {
  const reading = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writing = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  const socket = new Socket({ fd: reading, readable: true, writable: false });
  socket.once("close", () => release(path));
  let open = true;
  const close = () => {
    if (open) closeSync(writing);
    open = false;
  };
  return { path, chunks: socket[Symbol.asyncIterator](), close };
}
