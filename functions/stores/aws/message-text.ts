/** Of the characters that JSON leaves as they are, SQS refuses these two; what it writes as `\uXXXX` is taken. reliability.md 2.3. */
const REFUSED = /[\ufffe\uffff]/g;

/** A value as JSON text of one line, in characters that SQS takes. Any JSON parser reads the same value from it. */
export const messageText = (value: object): string =>
  JSON.stringify(value).replace(REFUSED, (character) => `\\u${character.charCodeAt(0).toString(16)}`);

/** What one message carries: 256 KiB is the limit of older engines. A line above it goes to S3. */
export const MESSAGE_BYTES_MAX = 240_000;

/** What reads a message works through all of it in one go, so there is an end to small lines too. */
const MESSAGE_LINES_MAX = 200;

/** A line of a message, and whether it only points to a text in S3. */
export type Line = { text: string; pointer: boolean };

/** A message, and which lines it has, by their place in what was packed. */
export type Message = { body: string; lines: number[] };

/**
 * Lines → messages of as many lines as fit, in their order. A pointer travels alone, so that whoever reads messages
 * holds few large texts at a time.
 */
export function packed(lines: readonly Line[]): Message[] {
  const messages: Message[] = [];
  let open: Message | undefined;
  let bytes = 0;
  lines.forEach(({ text, pointer }, index) => {
    const own = Buffer.byteLength(text) + 1;
    if (pointer) messages.push({ body: text, lines: [index] });
    else if (open && bytes + own <= MESSAGE_BYTES_MAX && open.lines.length < MESSAGE_LINES_MAX) {
      open.body += `\n${text}`;
      open.lines.push(index);
      bytes += own;
    } else {
      open = { body: text, lines: [index] };
      messages.push(open);
      bytes = own;
    }
  });
  return messages;
}
