import type { Spread } from "./statistics.ts";

/** A target of performance.md, or of the ingest function (L1 its size, L2 its cold start), of the
 * writer's memory (M1). `toBeProudOf` is the second figure of P1. */
export type Target = {
  name: "P1" | "P2" | "P3" | "P6" | "P7" | "F1" | "L1" | "L2" | "M1";
  /** What is held against the bound: our own figure, or its ratio to the reference. */
  of: "ours" | "ratio";
  at: "least" | "most";
  bound: number;
  toBeProudOf?: number;
};

/** One measured figure: a line of the table. */
export type Row = {
  question: string;
  what: string;
  unit: string;
  ours: Spread;
  reference?: { what: string; figure: Spread };
  /** Ours over the reference, of the same rounds. */
  ratio?: Spread;
  target?: Target;
};

export type Verdict = "pass" | "short";

/** The median is judged, inclusive of the bound; undefined for a row without a target. A ratio that is missing is short. */
export function verdictOf({ ours, ratio, target }: Row, bound = target?.bound): Verdict | undefined {
  if (!target || bound === undefined) return undefined;
  const figure = target.of === "ours" ? ours.median : (ratio?.median ?? Number.NaN);
  const met = target.at === "least" ? figure >= bound : figure <= bound;
  return met ? "pass" : "short";
}
