/** Long enough to see what is wrong, short enough for a log line. */
const CHARS_MAX = 4_000;

/**
 * A refused event's payload as the log may hold it: the values of configured fields replaced wherever they stand, then
 * cut. What is no JSON is not shown at all, since nothing in it could be found. I-24, C-18.
 */
export function redactedPayload(payload: string, fields: readonly string[]): string {
  const hidden = new Set(fields.map((field) => field.toLowerCase()));
  try {
    return JSON.stringify(JSON.parse(payload), (name, value) =>
      name !== "" && hidden.has(name.toLowerCase()) ? "***" : value,
    ).slice(0, CHARS_MAX);
  } catch {
    return "";
  }
}
