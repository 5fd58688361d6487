import type { Context } from "hono";
import type { Call, CallKind } from "../ingest/call.ts";
import { type SizeLimits, tooLarge } from "../ingest/inflate.ts";
import type { AppError } from "../kit/errors.ts";

/** A request to the ingest door as a Call, whose body is `payload_too_large` as soon as it passes its limit. S-5, S-6, E1. */
export async function callOf(c: Context, kind: CallKind, limits: SizeLimits, receivedAt: number): Promise<Call> {
  const bytesMax = kind === "batch" ? limits.batchBytesMax : limits.eventBytesMax;
  return {
    kind,
    key: keyOf(c),
    body: await cappedBody(c.req.raw, bytesMax, (bytes) => tooLarge(kind, bytes, bytesMax)),
    gzip: /\bgzip\b/i.test(c.req.header("content-encoding") ?? ""),
    sentAt: c.req.header("sentat"),
    receivedAt,
  };
}

/** Basic user → Bearer → X-Write-Key → query; a masked value is no key. The body may hold one too: `parse` finds it. S-6. */
function keyOf(c: Context): string | undefined {
  const authorization = c.req.header("authorization") ?? "";
  const candidates = [
    basicUser(authorization),
    /^Bearer +(\S+)$/i.exec(authorization)?.[1],
    c.req.header("x-write-key"),
    c.req.query("writeKey") ?? c.req.query("writekey"),
  ];
  return candidates.find((key) => key !== undefined && key !== "" && !key.includes("***"));
}

function basicUser(authorization: string): string | undefined {
  const encoded = /^Basic +([A-Za-z0-9+/=_-]+)$/i.exec(authorization)?.[1];
  return encoded && Buffer.from(encoded, "base64").toString("utf8").split(":")[0];
}

/** The bytes of a body, at most `bytesMax`: by its declared length at once, else counted while it comes. */
export async function cappedBody(
  request: Request,
  bytesMax: number,
  refusal: (bytes: number | undefined) => AppError,
): Promise<Uint8Array | AppError> {
  const declared = request.headers.get("content-length");
  if (declared !== null) {
    if (Number(declared) > bytesMax) return refusal(Number(declared));
    return new Uint8Array(await request.arrayBuffer());
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request.body ?? []) {
    bytes += chunk.length;
    if (bytes > bytesMax) return refusal(undefined);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
