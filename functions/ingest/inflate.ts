import { gunzipSync } from "node:zlib";
import { AppError } from "../kit/errors.ts";
import type { Call } from "./call.ts";

export type SizeLimits = { eventBytesMax: number; batchBytesMax: number };

/**
 * The body as bytes of JSON, at most as many as the limit of its kind. Inflating stops at the limit, so a bomb costs
 * no more than an honest body. Throws `payload_too_large`, `invalid_json` for what is not gzip, and what kept the body
 * from being read. I-06, E1.
 */
export function inflate(call: Pick<Call, "kind" | "dialect" | "body" | "gzip">, limits: SizeLimits): Uint8Array {
  if (call.body instanceof AppError) throw call.body;
  const { what, bytesMax } = sizeOf(call, limits);
  if (!call.gzip) {
    if (call.body.length > bytesMax) throw tooLarge(what, call.body.length, bytesMax);
    return call.body;
  }
  try {
    return gunzipSync(call.body, { maxOutputLength: Math.min(bytesMax, call.body.length * RATIO_MAX) });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") throw tooLarge(what, undefined, bytesMax);
    throw new AppError("invalid_json", "The body says Content-Encoding: gzip but is not gzip.", { cause: error });
  }
}

/** Batches of equal events shrink to a hundredth; what is smaller than this was made to be a bomb. */
const RATIO_MAX = 400;

/** Which limit a call's body has. */
export function sizeOf({ kind, dialect }: Pick<Call, "kind" | "dialect">, limits: SizeLimits) {
  const many = kind === "batch" || kind === "import" || dialect?.single === false;
  return many ? { what: "batch", bytesMax: limits.batchBytesMax } : { what: "event", bytesMax: limits.eventBytesMax };
}

/** The sentence that names the limit that was met and the variable that moves it. */
export function tooLarge(what: string, bytes: number | undefined, bytesMax: number): AppError {
  const subject = what === "batch" ? "The batch" : what.endsWith("]") ? `Event ${what}` : "The event";
  const size = bytes === undefined ? "larger than the limit" : `${kb(bytes)} KB, the limit is`;
  const variable = what === "batch" ? "BATCH_PAYLOAD_LIMIT_KB" : "PAYLOAD_LIMIT_KB";
  const sentence = bytes === undefined ? `${subject} is ${size} of` : `${subject} is ${size}`;
  return new AppError("payload_too_large", `${sentence} ${kb(bytesMax)} KB (${variable}). Send less at once.`);
}

const kb = (bytes: number) => Math.ceil(bytes / 1_024);
