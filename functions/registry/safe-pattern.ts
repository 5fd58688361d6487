import { RE2JS } from "re2js";
import { AppError, messageOf } from "../kit/errors.ts";

/** A pattern of JSON Schema that answers in time linear in the text, whatever it says. */
export type Pattern = { test: (text: string) => boolean; toString: () => string };

/** Thrown by `test` when texts and patterns of one check together are too long for the time an event may take. */
export class PatternsTooSlow extends Error {
  override readonly name = "PatternsTooSlow";
}

/** A pattern's text, its text times its repetitions (an upper bound of what it becomes), and instructions of all together. */
const TEXT_MAX = 1_000;
const EXPANDED_MAX = 20_000;
const INSTRUCTIONS_MAX = 10_000;
/** Characters times instructions of one check: 23 ns each at worst (measured), 12 ms together. */
const STEPS_MAX = 500_000;

/**
 * Compiles patterns of one schema; `refill` gives the next check its time. A tenant's pattern is not trusted: RE2 never
 * backtracks, what would be large is refused before it is compiled, and a check ends when its time is used up
 * (`PatternsTooSlow`). `compile` throws `validation_failed` for what RE2 does not know: look-around and back references.
 */
export function createPatterns(): { compile: (text: string) => Pattern; refill: () => void } {
  let [instructions, steps] = [0, 0];
  const compile = (text: string): Pattern => {
    if (text.length > TEXT_MAX) throw refused(text, `it has more than ${TEXT_MAX} characters`);
    if (text.length * repetitions(text) > EXPANDED_MAX) throw refused(text, "it repeats too much");
    const regex = parsed(text);
    const size = regex.programSize();
    instructions += size;
    if (instructions > INSTRUCTIONS_MAX) throw refused(text, "it and those before it are too large together");
    return {
      test: (value) => {
        steps -= value.length * size;
        if (steps < 0) throw new PatternsTooSlow(`the pattern ${text} met a text of ${value.length} characters`);
        return regex.test(value);
      },
      // Ajv takes two patterns whose texts are equal for one.
      toString: () => text,
    };
  };
  return {
    compile,
    refill: () => {
      steps = STEPS_MAX;
    },
  };
}

/** The sum of all counted repetitions; nested ones multiply, which RE2 itself bounds at 1,000. */
function repetitions(text: string): number {
  const counts = [...text.matchAll(/\{(\d+)(?:,(\d*))?\}/g)];
  return counts.reduce((sum, [, least, most]) => sum + Number(most || least), 1);
}

function parsed(text: string): RE2JS {
  try {
    return RE2JS.compile(RE2JS.translateRegExp(text));
  } catch (error) {
    throw refused(text, messageOf(error).replace(/^error parsing regexp: /, ""));
  }
}

const refused = (text: string, why: string): AppError =>
  new AppError("validation_failed", `The pattern ${shortened(text)} is not supported: ${why}.`);
const shortened = (text: string): string => (text.length > 60 ? `${text.slice(0, 60)}…` : text);
