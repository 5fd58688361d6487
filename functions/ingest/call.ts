import type { EventType } from "../event/event.ts";
import type { AppError } from "../kit/errors.ts";
import type { AddressPolicy } from "../registry/source.ts";
import type { Dialect } from "./dialects/dialect.ts";
import type { Bucket, Place } from "./ports.ts";

/**
 * What the path of a call says about its body: one event of that type; `{batch: […]}`; a bulk import, which may also be a
 * JSON array or NDJSON; or the body of another product's client, in its own dialect.
 */
export type CallKind = EventType | "batch" | "import" | "foreign";

/** Who sent a call. */
export type Client = {
  /** The address that the trusted hop saw, "" where it is unknown. */
  address: string;
  userAgent: string;
  /** A browser sent it itself: address and agent are its user's own. What a server sends says so in its context. */
  device: boolean;
  /** The `Origin` of a web page. */
  origin: string | undefined;
  /** Where the CDN places the address. */
  place: Place | undefined;
  /** What the client itself asks to be kept of its address (Jitsu's `X-IP-Policy`); the stricter one holds. */
  addressPolicy: AddressPolicy | undefined;
};

/** One HTTP call to the door, as far as the path of an event needs it. */
export type Call = {
  kind: CallKind;
  dialect: Dialect | undefined;
  bucket: Bucket;
  /** The write key from the headers or the query, where there is one; else the body may hold it (S-6). */
  key: string | undefined;
  /** The domain of the page, else of the door itself: the last resort of S-6. */
  domain: string | undefined;
  /** The bytes, or why they were not read to their end: the key still answers first (decision 13a). */
  body: Uint8Array | AppError;
  /** The body is gzip, whatever its content type says (S-5). */
  gzip: boolean;
  /** The `SentAt` header of RudderStack's clients, for bodies without one (S-11). */
  sentAt: string | undefined;
  /** Headers and query of the call by lower-case name, for dialects that keep something there. */
  hints: Readonly<Record<string, string>>;
  client: Client;
  requestId: string;
  /** The server's clock when the call came, milliseconds UTC. */
  receivedAt: number;
};
