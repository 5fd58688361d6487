/** Where a page of a list ended, as an opaque text for the client. */
export const cursorOf = (place: readonly string[]): string => Buffer.from(JSON.stringify(place)).toString("base64url");

/** The texts of a cursor, exactly `count` of them, or undefined when it is not one of ours. */
export function placeOf(cursor: string, count: number): string[] | undefined {
  try {
    const read: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8"));
    const isPlace = Array.isArray(read) && read.length === count && read.every((part) => typeof part === "string");
    return isPlace ? read : undefined;
  } catch {
    return undefined;
  }
}
