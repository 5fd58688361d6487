import { EngineError } from "./engine-error.ts";

/** LZ4's block format: sequences of a token, literals, and a match that repeats earlier output. lz4_Block_format.md */
const LENGTH_IN_TOKEN_MAX = 15;
const MATCH_BYTES_MIN = 4;

/** `bytes` as one sequence of literals: valid LZ4 that any reader unpacks, 0.4 % longer than its input. */
export function literalBlock(bytes: Buffer): Buffer {
  const length: number[] = [Math.min(bytes.length, LENGTH_IN_TOKEN_MAX) << 4];
  for (let left = bytes.length - LENGTH_IN_TOKEN_MAX; left >= 0; left -= 255) length.push(Math.min(left, 255));
  return Buffer.concat([Buffer.from(length), bytes]);
}

/** Throws when the block does not unpack to exactly `size` bytes, or reaches outside of itself. */
export function unpackBlock(packed: Buffer, size: number): Buffer {
  const out = Buffer.allocUnsafe(size);
  if (unpackInto(packed, out, 0) !== size) corrupted();
  return out;
}

/** Unpacks behind what `out` holds up to `start`, which matches may repeat. Returns where it ended. */
function unpackInto(packed: Buffer, out: Buffer, start: number): number {
  let [from, to] = [0, start];
  const lengthOf = (inToken: number) => {
    let length = inToken;
    for (let more = inToken === LENGTH_IN_TOKEN_MAX ? 255 : 0; more === 255; ) {
      more = packed[from++] ?? corrupted();
      length += more;
    }
    return length;
  };
  while (from < packed.length) {
    const token = packed[from++] ?? corrupted();
    const literals = lengthOf(token >> 4);
    if (from + literals > packed.length || to + literals > out.length) corrupted();
    packed.copy(out, to, from, from + literals);
    from += literals;
    to += literals;
    if (from === packed.length) break; // the last sequence has no match
    const distance = (packed[from++] ?? corrupted()) + (packed[from++] ?? corrupted()) * 256;
    const match = lengthOf(token & LENGTH_IN_TOKEN_MAX) + MATCH_BYTES_MIN;
    if (distance === 0 || distance > to || to + match > out.length) corrupted();
    // A match may overlap what it writes, so it is copied in steps of what is there.
    for (let left = match; left > 0; ) {
      const step = Math.min(left, distance);
      out.copy(out, to, to - distance, to - distance + step);
      to += step;
      left -= step;
    }
  }
  return to;
}

/** The frame around blocks, which `Content-Encoding: lz4` means: clickhouse-connect's default. lz4_Frame_format.md */
const FRAME_MAGIC = 0x184d2204;
const STORED = 0x8000_0000;
const HISTORY_BYTES = 65_536;

/** Frames → bytes. Their own checksums (xxHash) are not looked at. Throws when the last frame is not whole. */
export async function* fromFrames(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const take = takerOf(chunks);
  for (let magic = await take(4, true); magic.length > 0; magic = await take(4, true)) {
    if (magic.readUInt32LE(0) !== FRAME_MAGIC) corrupted();
    const [flags = 0, sizes = 0] = await take(2);
    const blockBytesMax = 4 ** (((sizes >> 4) & 7) + 4);
    if (blockBytesMax > 4 * 1024 * 1024 || blockBytesMax < 65_536) corrupted();
    await take((flags & 0x08 ? 8 : 0) + (flags & 0x01 ? 4 : 0) + 1);
    let history: Buffer = Buffer.alloc(0);
    for (let size = (await take(4)).readUInt32LE(0); size !== 0; size = (await take(4)).readUInt32LE(0)) {
      const packed = await take(size % STORED);
      const out = Buffer.allocUnsafe(history.length + blockBytesMax);
      history.copy(out);
      const end =
        size >= STORED ? history.length + packed.copy(out, history.length) : unpackInto(packed, out, history.length);
      yield out.subarray(history.length, end);
      history = out.subarray(Math.max(0, end - HISTORY_BYTES), end);
      if (flags & 0x10) await take(4);
    }
    if (flags & 0x04) await take(4);
  }
}

/** Takes exactly so many bytes; none at all only where the stream `mayEnd`. */
function takerOf(chunks: AsyncIterable<Buffer>): (size: number, mayEnd?: boolean) => Promise<Buffer> {
  const source = chunks[Symbol.asyncIterator]();
  let held: Buffer = Buffer.alloc(0);
  return async (size, mayEnd = false) => {
    while (held.length < size) {
      const { value, done } = await source.next();
      if (done && mayEnd && held.length === 0) return held;
      if (done) corrupted();
      held = held.length === 0 ? value : Buffer.concat([held, value]);
    }
    const taken = held.subarray(0, size);
    held = held.subarray(size);
    return taken;
  };
}

function corrupted(): never {
  throw new EngineError(271, "CANNOT_DECOMPRESS", "Cannot decompress LZ4: corrupted data.");
}
