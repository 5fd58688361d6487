import { request } from "node:http";
import { buffer } from "node:stream/consumers";

/** A request as a client puts it on the wire: nothing is added but `host` and, unless it is `chunked`, the length. */
export type RawRequest = {
  method: string;
  path: string;
  headers?: Readonly<Record<string, string>>;
  body?: string | Uint8Array;
  /** Sent in pieces, without a length. */
  chunked?: boolean;
};

export type RawAnswer = { status: number; headers: Record<string, string | string[] | undefined>; body: Buffer };

/** Sends it and reads the whole answer. */
export function sendRaw(url: string, { method, path, headers, body = "", chunked }: RawRequest): Promise<RawAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>();
  const bytes = Buffer.from(body);
  const framing: Record<string, string> = chunked
    ? { "transfer-encoding": "chunked" }
    : bytes.length > 0
      ? { "content-length": String(bytes.length) }
      : {};
  const outgoing = request(`${url}${path}`, { method, headers: { ...headers, ...framing } }, async (answer) => {
    try {
      resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: await buffer(answer) });
    } catch (error) {
      reject(error);
    }
  });
  outgoing.once("error", reject);
  const half = Math.ceil(bytes.length / 2);
  if (chunked) outgoing.write(bytes.subarray(0, half));
  outgoing.end(chunked ? bytes.subarray(half) : bytes);
  return promise;
}
