/** One column of a block: its values as ClickHouse's Native format holds them, in one piece or several. */
export type NativeColumn = {
  name: string;
  /** The wire type, such as `String` or `Nullable(DateTime64(3, 'UTC'))`; the engine casts it to the table's. */
  type: string;
  /** For a Nullable type: one byte a row, 1 where the value is NULL. Comes before all values of the block. */
  nulls?: readonly Uint8Array[];
  bytes: readonly Uint8Array[];
};

/**
 * A block of ClickHouse's Native format, as chunks to be sent one after the other: number of columns and rows, then for
 * each column its name, type and values. This is the layout of revision 0, which HTTP speaks; column bytes are not copied.
 */
export function nativeBlock(rows: number, columns: readonly NativeColumn[]): Uint8Array[] {
  const chunks: Uint8Array[] = [Buffer.concat([varint(columns.length), varint(rows)])];
  for (const { name, type, nulls, bytes } of columns) {
    chunks.push(Buffer.concat([text(name), text(type)]), ...(nulls ?? []), ...bytes);
  }
  return chunks;
}

/** Serialization 1 of a JSON column: its values follow as texts. */
const JSON_AS_TEXTS = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);

/**
 * A JSON column whose values are JSON texts, held as Strings. `type` must be the table's own, to the letter: then the
 * engine parses the texts under the insert's settings. A String column, or another JSON type, is cast without them, and
 * "2026-01-01" becomes a Date.
 */
export const jsonTexts = (name: string, type: string, texts: readonly Uint8Array[]): NativeColumn => ({
  name,
  type,
  bytes: [JSON_AS_TEXTS, ...texts],
});

/** `rows` times the same value, whose Native bytes are `value`. */
export function repeated(value: Uint8Array, rows: number): Uint8Array {
  return Buffer.alloc(value.length * rows, value);
}

/** A String's bytes: its length, then UTF-8. */
export function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([varint(bytes.length), bytes]);
}

/** A FixedString's bytes. Throws when the value has another length. */
export function fixedText(value: string, length: number): Buffer {
  const bytes = Buffer.from(value);
  if (bytes.length !== length) throw new Error(`a value of ${bytes.length} bytes in a FixedString(${length})`);
  return bytes;
}

/** UInt32 values, such as `_sub`. */
export function uint32s(values: Iterable<number>): Uint8Array {
  const numbers = Uint32Array.from(values);
  return new Uint8Array(numbers.buffer, 0, numbers.byteLength);
}

/** 0, 1, 2 … `count` − 1 as UInt32: the `_sub` of a frame's events. */
export const uint32sTo = (count: number): Uint8Array => uint32s(Array.from({ length: count }, (_, index) => index));

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}
