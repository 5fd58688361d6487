import type { EventType } from "../event/event.ts";
import type { AppError } from "../kit/errors.ts";

/** What the path of a call says about its body: one event of that type, or `{batch: […]}`. */
export type CallKind = EventType | "batch";

/** One HTTP call to the door, as far as the path of an event needs it. */
export type Call = {
  kind: CallKind;
  /** The write key from the headers or the query, where there is one; else the body may hold it (S-6). */
  key: string | undefined;
  /** The bytes, or why they were not read to their end: the key still answers first (decision 13a). */
  body: Uint8Array | AppError;
  /** The body is gzip, whatever its content type says (S-5). */
  gzip: boolean;
  /** The `SentAt` header of RudderStack's clients, for bodies without one (S-11). */
  sentAt: string | undefined;
  /** The server's clock when the call came, milliseconds UTC. */
  receivedAt: number;
};
