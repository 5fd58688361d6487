import type { Transform } from "node:stream";
import { createBrotliCompress, createDeflate, createGzip, createZstdCompress, constants as zlib } from "node:zlib";
import { toBlocks } from "./blocks.ts";
import type { Call } from "./call.ts";

/**
 * What stands between the rows and the client: `Content-Encoding` when the call asks for it (`enable_http_compression=1`,
 * as on a server) and the client can read one of ours, the strongest first; before it, blocks when `compress=1`.
 */
export function encodersFor(call: Call, accepted: string | undefined): { name?: string; encoders: Transform[] } {
  const blocks = call.blocksOut ? [toBlocks()] : [];
  const wanted = call.settings.findLast(([name]) => name === "enable_http_compression")?.[1];
  if (wanted !== "1" && wanted !== "true") return { encoders: blocks };
  const names = new Set(accepted?.split(",").map((part) => part.split(";")[0]?.trim().toLowerCase()));
  const found = ENCODERS.find(([name]) => names.has(name));
  return found ? { name: found[0], encoders: [...blocks, found[1]()] } : { encoders: blocks };
}

const ENCODERS: [name: string, create: () => Transform][] = [
  ["zstd", () => createZstdCompress({ params: { [zlib.ZSTD_c_compressionLevel]: 1 } })],
  ["gzip", () => createGzip({ level: 1 })],
  ["deflate", () => createDeflate({ level: 1 })],
  ["br", () => createBrotliCompress({ params: { [zlib.BROTLI_PARAM_QUALITY]: 1 } })],
];
