import type { Row } from "./row.ts";

/** How long and how often each question measures. `--quick` shows that everything runs; its figures are no figures. */
export type Scale = {
  quick: boolean;
  rounds: number;
  /** Of one run of requests. */
  seconds: number;
  warmUpSeconds: number;
  /** How long to wait after a run until merges are done. */
  restLimitMs: number;
  /** Rows of the consumer's table, as files of 100,000. */
  consumerRows: number;
  /** Events that the handler is timed with, per round. */
  handlerEvents: number;
  /** Rows that the table holds before the price of exactness is asked. */
  storedRows: number;
  /** Events that wait on the stream while the writer's memory is watched. */
  backlogEvents: number;
  /** How long freshness is probed, per load. */
  freshnessSeconds: number;
};

export const FULL: Scale = {
  quick: false,
  rounds: 3,
  seconds: 8,
  warmUpSeconds: 3,
  restLimitMs: 20_000,
  consumerRows: 400_000,
  handlerEvents: 100_000,
  storedRows: 10_000_000,
  backlogEvents: 1_000_000,
  freshnessSeconds: 30,
};

export const QUICK: Scale = {
  quick: true,
  rounds: 2,
  seconds: 1,
  warmUpSeconds: 0.5,
  restLimitMs: 2_000,
  consumerRows: 100_000,
  handlerEvents: 5_000,
  storedRows: 100_000,
  backlogEvents: 50_000,
  freshnessSeconds: 4,
};

/** What a question gets, and what it gives: rows of the table, sentences to stand under it, and all it has measured. */
export type Asked = { scale: Scale; seed: string; say: (sentence: string) => void };
export type Answer = { rows: Row[]; notes: string[]; measured: unknown };
export type Question = (asked: Asked) => Promise<Answer>;
