/** A growing buffer that writes values as ClickHouse's Native and RowBinary formats hold them (little-endian, LEB128 lengths). */
export function createBytes() {
  let buffer = Buffer.allocUnsafeSlow(64 * 1_024);
  let at = 0;
  const room = (bytes: number) => {
    if (at + bytes <= buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(buffer.length * 2, at + bytes));
    buffer.copy(grown, 0, 0, at);
    buffer = grown;
  };
  return {
    reset: () => {
      at = 0;
    },
    /** A copy of what was written, so that the buffer can be used again. */
    taken: () => Buffer.from(buffer.subarray(0, at)),
    raw: (bytes: Uint8Array) => {
      room(bytes.length);
      buffer.set(bytes, at);
      at += bytes.length;
    },
    uint8: (value: number) => {
      room(1);
      buffer[at++] = value;
    },
    /** A whole number of at most 53 bits, as Int64: twice as fast as by way of a BigInt. */
    int64: (value: number) => {
      room(8);
      buffer.writeInt32LE(value | 0, at);
      buffer.writeInt32LE(Math.floor(value / 0x1_0000_0000), at + 4);
      at += 8;
    },
    /** A String: its length in bytes, then UTF-8. */
    text: (value: string) => {
      if (value === "") {
        room(1);
        buffer[at++] = 0;
        return;
      }
      room(value.length * 3 + 5);
      // Most texts are short: the length is written behind them first, as one byte, and moved only when it is longer.
      const written = buffer.write(value, at + 1);
      const extra = varintBytes(written) - 1;
      if (extra > 0) buffer.copyWithin(at + 1 + extra, at + 1, at + 1 + written);
      let rest = written;
      while (rest >= 0x80) {
        buffer[at++] = (rest & 0x7f) | 0x80;
        rest >>>= 7;
      }
      buffer[at++] = rest;
      at += written;
    },
    /** Leaves room for a column's length in bytes; `endColumn` fills it in. */
    startColumn: () => {
      room(4);
      at += 4;
      return at;
    },
    endColumn: (start: number) => {
      buffer.writeUInt32LE(at - start, start - 4);
    },
  };
}

const varintBytes = (value: number) =>
  value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : value < 0x1000_0000 ? 4 : 5;

/** Where each of `count` Strings of a column starts, and the column's end: `count` + 1 offsets. Throws when it is cut. */
export function textOffsets(column: Uint8Array, count: number): Uint32Array {
  const offsets = new Uint32Array(count + 1);
  let at = 0;
  for (let index = 0; index < count; index++) {
    offsets[index] = at;
    const { length, end } = lengthAt(column, at);
    at = end + length;
  }
  if (at !== column.length) throw new Error("the texts of a column do not fill it");
  offsets[count] = at;
  return offsets;
}

/** The String that starts at `at`. */
export function textAt(column: Buffer, at: number): string {
  const { length, end } = lengthAt(column, at);
  return column.toString("utf8", end, end + length);
}

function lengthAt(column: Uint8Array, at: number): { length: number; end: number } {
  let length = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = column[at++];
    if (byte === undefined) break;
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return { length, end: at };
  }
  throw new Error("a text's length is cut");
}
