import type { Context } from "hono";
import type { Call, CallKind } from "../ingest/call.ts";
import type { Dialect } from "../ingest/dialects/dialect.ts";
import { type SizeLimits, sizeOf, tooLarge } from "../ingest/inflate.ts";
import { AppError } from "../kit/errors.ts";
import { clientOf } from "./client.ts";
import { headerOf } from "./header.ts";
import type { DoorVars } from "./vars.ts";

/** What a path says of its calls. */
export type Route = { kind: CallKind; dialect?: Dialect | undefined };
export type DoorLimits = SizeLimits & { trustedHops: number };

/** A request to the ingest door as a Call, whose body is `payload_too_large` as soon as it passes its limit. S-5, S-6, E1. */
export async function callOf(
  c: Context<DoorVars>,
  { kind, dialect }: Route,
  limits: DoorLimits,
  receivedAt: number,
): Promise<Call> {
  const { what, bytesMax } = sizeOf({ kind, dialect }, limits);
  return {
    kind,
    dialect,
    bucket: kind === "import" ? "dedup:import" : "dedup",
    key: keyOf(c),
    domain: domainOf(c),
    body: await bytesOf(c, bytesMax, (bytes) => tooLarge(what, bytes, bytesMax)),
    gzip: c.req.method === "POST" && /\bgzip\b/i.test(headerOf(c, "content-encoding") ?? ""),
    sentAt: headerOf(c, "sentat"),
    hints: dialect ? hintsOf(c) : NO_HINTS,
    client: clientOf(c, limits.trustedHops),
    requestId: c.get("requestId"),
    receivedAt,
  };
}

const NO_HINTS = {};

/** The body, or the query of a GET as a JSON object: a pixel has no other. */
const bytesOf = async (c: Context, bytesMax: number, refusal: (bytes: number | undefined) => AppError) =>
  c.req.method === "GET" ? Buffer.from(JSON.stringify(c.req.query())) : cappedBody(c, bytesMax, refusal);

const hintsOf = (c: Context): Record<string, string> => ({ ...lowerCase(c.req.query()), ...c.req.header() });
const lowerCase = (query: Record<string, string>) =>
  Object.fromEntries(Object.entries(query).map(([name, value]) => [name.toLowerCase(), value]));

/**
 * Basic user → Bearer → X-Write-Key → query → OpenPanel's header; a masked value is no key, nor is the JWT that Segment's clients send with
 * OAuth. The body may hold one too: `parse` finds it. S-6, K-01, K-11.
 */
function keyOf(c: Context): string | undefined {
  const authorization = headerOf(c, "authorization") ?? "";
  const candidates = [
    basicUser(authorization),
    /^Bearer +(\S+)$/i.exec(authorization)?.[1],
    headerOf(c, "x-write-key"),
    c.req.query("writeKey") ?? c.req.query("writekey"),
    headerOf(c, "openpanel-client-id"),
  ];
  return candidates.find((key) => key !== undefined && key !== "" && !key.includes("***") && !JWT.test(key));
}

/** `eyJ` is `{"` in base64url, as a JWT begins. */
const JWT = /^eyJ[\w-]+\.[\w-]+\.[\w-]*$/;

function basicUser(authorization: string): string | undefined {
  const encoded = /^Basic +([A-Za-z0-9+/=_-]+)$/i.exec(authorization)?.[1];
  return encoded && Buffer.from(encoded, "base64").toString("utf8").split(":")[0];
}

/** The page's host, else the door's own: where a customer's first-party host leads here, it names the source. */
function domainOf(c: Context): string | undefined {
  const page = headerOf(c, "origin") ?? headerOf(c, "referer");
  const host = page === undefined ? undefined : URL.parse(page)?.hostname;
  return host || headerOf(c, "host")?.split(":")[0] || undefined;
}

/**
 * The bytes of a body, at most `bytesMax`: by its declared length at once, else counted while it comes. A client that
 * goes away in the middle is `invalid_json`: no fault of ours, and nobody is there to read it.
 */
export async function cappedBody(
  c: Context,
  bytesMax: number,
  refusal: (bytes: number | undefined) => AppError,
): Promise<Uint8Array | AppError> {
  try {
    return await bytesOfBody(c, bytesMax, refusal);
  } catch (cause) {
    return new AppError("invalid_json", "The body ended before it was whole.", { cause });
  }
}

async function bytesOfBody(
  c: Context,
  bytesMax: number,
  refusal: (bytes: number | undefined) => AppError,
): Promise<Uint8Array | AppError> {
  const request = c.req.raw;
  const declared = headerOf(c, "content-length");
  if (declared !== undefined) {
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
