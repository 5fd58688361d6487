import type { SqlPart } from "../kit/query.ts";

/** Where a page of events ended: the next one starts behind it, whatever was stored since. */
export type Position = { timestamp: number; messageId: string };
export type Order = "asc" | "desc";

/** A position as an opaque text for the client. */
export const cursorOf = ({ timestamp, messageId }: Position): string =>
  Buffer.from(JSON.stringify([timestamp, messageId])).toString("base64url");

/** The position of a cursor, or undefined when it is not one of ours. */
export function positionOf(cursor: string): Position | undefined {
  try {
    const read: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8"));
    if (!Array.isArray(read) || read.length !== 2) return undefined;
    const [timestamp, messageId] = read as unknown[];
    if (!Number.isSafeInteger(timestamp) || typeof messageId !== "string") return undefined;
    return { timestamp: timestamp as number, messageId };
  } catch {
    return undefined;
  }
}

/** The condition that holds for what comes after `position`, starting with AND. The bare bound on time reaches the key. */
export function after(position: Position | undefined, order: Order): SqlPart {
  if (!position) return { text: "", values: {} };
  const sign = order === "asc" ? ">" : "<";
  const time = "fromUnixTimestamp64Milli({after_time: Int64}, 'UTC')";
  return {
    text: `AND timestamp ${sign}= ${time} AND (timestamp ${sign} ${time} OR message_id ${sign} {after_id: String})`,
    values: { after_time: position.timestamp, after_id: position.messageId },
  };
}
