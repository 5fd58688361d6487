import type { IncomingMessage } from "node:http";
import type { Transform } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from "node:zlib";
import { fromBlocks } from "./blocks.ts";
import type { Call } from "./call.ts";
import { EngineError } from "./engine-error.ts";
import { fromFrames } from "./lz4.ts";
import { type Statement, statementIn } from "./statement.ts";

/** Longer statements than this are no statements; the engine's own limit is far below. Rows have no limit. */
const STATEMENT_BYTES_MAX = 4 * 1024 * 1024;
const FORM_BYTES_MAX = 64 * 1024 * 1024;
const FIRST_LOOK_BYTES = 64 * 1024;

/**
 * `multipart/form-data` carries the query and its parameters when they are too long for an address. Rows as external
 * data are refused: nothing of ours sends them.
 */
export async function withForm(call: Call, request: IncomingMessage, body: AsyncIterable<Buffer>): Promise<Call> {
  const type = request.headers["content-type"] ?? "";
  if (!type.startsWith("multipart/form-data")) return call;
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of body) {
    bytes += part.length;
    if (bytes > FORM_BYTES_MAX) throw tooLong(FORM_BYTES_MAX);
    parts.push(part);
  }
  const fields = await new Response(Buffer.concat(parts), { headers: { "content-type": type } }).formData();
  const settings = [...call.settings];
  for (const [name, value] of fields) {
    if (typeof value !== "string")
      throw new EngineError(48, "NOT_IMPLEMENTED", "External data is not implemented here.");
    if (name.startsWith("param_")) settings.push([name, value]);
  }
  return { ...call, query: String(fields.get("query") ?? call.query), settings };
}

/** The statement of a request, and the rows that follow it (read them, or leave them, when it takes none). */
export type Asked = { statement: Statement; rows: AsyncIterable<Buffer> };

/** A server reads the `query` parameter, a line break and the body as one text, wherever the statement stands in it. */
export async function statementOf(call: Call, body: AsyncIterable<Buffer>): Promise<Asked> {
  const chunks = body[Symbol.asyncIterator]();
  let head: Buffer = Buffer.from(call.query === "" ? "" : `${call.query}\n`);
  let whole = false;
  for (let lookAt = FIRST_LOOK_BYTES; ; lookAt *= 4) {
    const parts = [head];
    for (let bytes = head.length; !whole && bytes < lookAt; ) {
      const { value, done } = await chunks.next();
      if (done) whole = true;
      else {
        parts.push(value);
        bytes += value.length;
      }
    }
    head = Buffer.concat(parts);
    if (head.length > STATEMENT_BYTES_MAX) throw tooLong(STATEMENT_BYTES_MAX);
    const statement = statementIn(head, whole);
    if (statement)
      return { statement, rows: rest(statement.kind === "load" ? head.subarray(statement.dataAt) : EMPTY, chunks) };
  }
}

const tooLong = (bytesMax: number) =>
  new EngineError(62, "SYNTAX_ERROR", `Max query size exceeded: more than ${bytesMax} bytes are no statement.`);

const EMPTY = Buffer.alloc(0);

async function* rest(first: Buffer, chunks: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  if (first.length > 0) yield first;
  for (;;) {
    const { value, done } = await chunks.next();
    if (done) return;
    yield value;
  }
}

/** The body's bytes as they were before `Content-Encoding`, and before `decompress=1`. A body that breaks off is an error, never a shorter body. */
export function bodyOf(call: Call, request: IncomingMessage): AsyncIterable<Buffer> {
  const decoded = decodedBody(request);
  return call.blocksIn ? fromBlocks(decoded) : decoded;
}

function decodedBody(request: IncomingMessage): AsyncIterable<Buffer> {
  const encoding = request.headers["content-encoding"]?.toLowerCase();
  if (encoding === undefined || encoding === "" || encoding === "identity") return request;
  if (encoding === "lz4") return fromFrames(request);
  const decoder = DECODERS.get(encoding)?.();
  if (!decoder) throw new EngineError(48, "NOT_IMPLEMENTED", `Unknown compression method ${encoding}`);
  // Also when the client goes amid the body: a pipe would wait for ever.
  request.once("error", (error) => decoder.destroy(error));
  return request.pipe(decoder);
}

const DECODERS = new Map<string, () => Transform>([
  ["gzip", createGunzip],
  ["x-gzip", createGunzip],
  ["deflate", createInflate],
  ["br", createBrotliDecompress],
  ["zstd", createZstdDecompress],
]);
