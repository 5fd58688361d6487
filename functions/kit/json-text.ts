/**
 * JSON text that ClickHouse's JSON type takes. It reads digits without an exponent as a 64-bit integer and refuses the
 * whole insert when they do not fit, which JavaScript writes up to 1e21 (and for −2^63 itself, rounded to
 * −9223372036854776000): such numbers are written as `1e+20`. The text means the same to every JSON parser. Half of a
 * surrogate pair, which it refuses too, is written as U+FFFD: one such text would hold up its whole shard.
 */
export function jsonText(value: object): string {
  const text = JSON.stringify(value);
  const whole = text.includes("\\ud") ? text.replace(ESCAPE, wellFormed) : text;
  return LONG_DIGITS.test(whole) ? whole.replace(STRING_OR_LONG_DIGITS, shorter) : whole;
}

/** Surrogates stand in JSON.stringify's text as they are, and as escapes where they are halves. */
const ESCAPE = /\\(?:ud[89a-f][0-9a-f]{2}|.)/g;
const wellFormed = (piece: string): string => (piece.startsWith("\\ud") ? "\ufffd" : piece);

/** Of 19 digits or more, wherever they stand: few texts have them, and only those are read again. */
const LONG_DIGITS = /\d{19}/;
/** A string is matched whole, so that digits inside one are left alone. */
const STRING_OR_LONG_DIGITS = /"(?:[^"\\]|\\.)*"|(?<![\d.])-?\d{19,}(?![\d.eE])/g;

function shorter(piece: string): string {
  if (piece.startsWith('"')) return piece;
  const digits = BigInt(piece);
  return digits < -(2n ** 63n) || digits >= 2n ** 64n ? Number(piece).toExponential() : piece;
}
