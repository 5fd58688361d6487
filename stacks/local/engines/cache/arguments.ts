import { notAnInteger, RedisError, syntaxError } from "./reply.ts";

/** A whole number as Redis reads it; beyond 2^53 it is refused, because a JavaScript number would lose digits. */
export function integer(text: string | undefined): number {
  const value = text !== undefined && /^(0|-?[1-9]\d{0,18})$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw notAnInteger();
  return value;
}

/** A score or a bound of scores: a number, `inf`, `+inf` or `-inf`. */
export function float(text: string | undefined, message = "ERR value is not a valid float"): number {
  const infinite = /^([+-]?)inf(?:inity)?$/i.exec(text ?? "");
  if (infinite) return infinite[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  const value = text === undefined || text.trim() === "" ? Number.NaN : Number(text);
  if (Number.isNaN(value)) throw new RedisError(message);
  return value;
}

/** A number as Redis writes it in an answer. */
export const showFloat = (value: number): string =>
  Number.isFinite(value) ? String(value) : value > 0 ? "inf" : "-inf";

/** Splits `a b c d` into pairs; an odd one is the caller's error. */
export function pairs(values: readonly string[], odd: () => Error): [string, string][] {
  if (values.length % 2 !== 0) throw odd();
  return Array.from({ length: values.length / 2 }, (_, i) => [values[2 * i] ?? "", values[2 * i + 1] ?? ""]);
}

/** Reads options word by word: `next` takes the word behind one, `word` the upper case of the current. */
export function options(values: readonly string[], read: (word: string, next: () => string) => boolean): void {
  for (let at = 0; at < values.length; at++) {
    const next = () => {
      at++;
      const value = values[at];
      if (value === undefined) throw syntaxError();
      return value;
    };
    if (!read((values[at] ?? "").toUpperCase(), next)) throw syntaxError();
  }
}

/** Start and end of a range whose ends may count from the end (-1 is the last): `[from, to)`, clamped. */
export function slice(length: number, start: number, stop: number): [from: number, to: number] {
  const fromEnd = (index: number) => (index < 0 ? length + index : index);
  return [Math.max(0, fromEnd(start)), Math.min(length, fromEnd(stop) + 1)];
}
