import { parseArgs } from "node:util";

/** What to measure, in the order in which it runs. */
export const QUESTIONS = [
  ...(["door", "end-to-end", "consumer", "exactness", "memory"] as const),
  ...(["stream-bytes", "freshness", "handler", "bundle"] as const),
] as const;
export type QuestionName = (typeof QUESTIONS)[number];

export const HELP = `Measures Millrace on this machine, prints one table and writes bench/results/<date>-<commit>.json. Linux only.

  npm run bench -- [options]

  --only A,B    some questions only: ${QUESTIONS.join(", ")}
  --quick       short runs, to see that everything works; the figures mean little
  --seed S      any text; the same seed sends the same events (1)
  --json        the result as JSON on standard output, instead of the table
  --help        this text

Targets P1 to P7 come from the design's list of performance targets; F1 = an acknowledged event is there, once;
M1 = the writer's memory.
A figure is the median of its rounds, with the lowest and the highest in brackets. "short" = the target is not met.
Close other programs first: two cores that somebody else uses measure somebody else.
`;

export type Options = { only: readonly QuestionName[]; quick: boolean; seed: string; json: boolean; help: boolean };

/** Throws a sentence for what cannot be meant. */
export function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    allowPositionals: false,
    options: {
      only: { type: "string", default: QUESTIONS.join(",") },
      quick: { type: "boolean", default: false },
      seed: { type: "string", default: "1" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const asked = values.only.split(",");
  const unknown = asked.find((name) => !QUESTIONS.some((known) => known === name));
  if (unknown !== undefined) throw new Error(`--only knows ${QUESTIONS.join(", ")}, not "${unknown}".`);
  return { ...values, only: QUESTIONS.filter((name) => asked.includes(name)) };
}
