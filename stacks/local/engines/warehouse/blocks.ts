import { Transform, type TransformCallback } from "node:stream";
import { zstdDecompressSync } from "node:zlib";
import { cityHash128 } from "./city-hash.ts";
import { EngineError } from "./engine-error.ts";
import { literalBlock, unpackBlock } from "./lz4.ts";

/**
 * ClickHouse's own compressed format (`compress=1`, `decompress=1`), which JDBC speaks: blocks of a checksum, a method,
 * two sizes, and the packed bytes.
 */
const CHECKSUM_BYTES = 16;
const HEADER_BYTES = 9; // method, packed size with this header, unpacked size
const METHOD = { none: 0x02, lz4: 0x82, zstd: 0x90 } as const;
/** Small, since a checksum is computed on the thread that serves every request. */
const BLOCK_BYTES_MAX = 64 * 1024;
/** What a sender may claim that a block unpacks to. ClickHouse's own limit is 1 GiB; clients send 1 MiB. */
const UNPACKED_BYTES_MAX = 64 * 1024 * 1024;

/** Bytes → blocks. In LZ4's format, as drivers read no other, but of literals only: packing buys nothing on one machine. */
export function toBlocks(): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done: TransformCallback) {
      for (let from = 0; from < chunk.length; from += BLOCK_BYTES_MAX)
        this.push(blockOf(chunk.subarray(from, from + BLOCK_BYTES_MAX)));
      done();
    },
  });
}

function blockOf(bytes: Buffer): Buffer {
  const packed = literalBlock(bytes);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(METHOD.lz4, 0);
  header.writeUInt32LE(HEADER_BYTES + packed.length, 1);
  header.writeUInt32LE(bytes.length, 5);
  const checked = Buffer.concat([header, packed]);
  return Buffer.concat([cityHash128(checked), checked]);
}

/** Blocks → bytes. Throws as a server does when a checksum is wrong or the last block is not whole. */
export async function* fromBlocks(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let held: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    for (;;) {
      const size = blockSize(held);
      if (size === undefined || held.length < size) break;
      yield unpacked(held.subarray(0, size));
      held = held.subarray(size);
    }
  }
  if (held.length > 0)
    throw new EngineError(33, "CANNOT_READ_ALL_DATA", `Cannot read all data: ${held.length} bytes of a block.`);
}

function blockSize(held: Buffer): number | undefined {
  if (held.length < CHECKSUM_BYTES + HEADER_BYTES) return undefined;
  const packed = held.readUInt32LE(CHECKSUM_BYTES + 1);
  if (
    packed < HEADER_BYTES ||
    packed > UNPACKED_BYTES_MAX ||
    held.readUInt32LE(CHECKSUM_BYTES + 5) > UNPACKED_BYTES_MAX
  )
    throw new EngineError(12, "TOO_LARGE_SIZE_COMPRESSED", "Too large size of a compressed block: corrupted data.");
  return CHECKSUM_BYTES + packed;
}

function unpacked(block: Buffer): Buffer {
  const checked = block.subarray(CHECKSUM_BYTES);
  if (!cityHash128(checked).equals(block.subarray(0, CHECKSUM_BYTES)))
    throw new EngineError(40, "CHECKSUM_DOESNT_MATCH", "Checksum doesn't match: corrupted data.");
  const [method, size, packed] = [checked.readUInt8(0), checked.readUInt32LE(5), checked.subarray(HEADER_BYTES)];
  if (method === METHOD.none) return packed;
  if (method === METHOD.zstd) return zstdDecompressSync(packed, { maxOutputLength: size });
  if (method === METHOD.lz4) return unpackBlock(packed, size);
  throw new EngineError(89, "UNKNOWN_COMPRESSION_METHOD", `Unknown compression method of a block: ${method}`);
}
