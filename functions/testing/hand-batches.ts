import { type BatchPorts, createBatches } from "../kit/batches.ts";
import { type TableSettings, tableSettings } from "../kit/batching.ts";
import type { Attempt } from "../kit/breaker.ts";

export type Row = { table: string; id: number; bytes: number };
export type Flight = {
  table: string;
  rows: readonly Row[];
  end: (how: "store" | "fail" | { tryAgainAt: number }) => Promise<void>;
};
export const AWAY = new Error("away");
const STORED: Attempt<unknown> = { kind: "done", value: undefined };

/** Batches on a clock that is moved by hand, and a sink whose every flush ends when it is told to. */
export function handBatches(options: { settings?: Partial<TableSettings>; ports?: Partial<BatchPorts<Row>> } = {}) {
  let ms = 1_000_000;
  let lastId = 0;
  const timers = new Map<number, { at: number; run: () => void }>();
  const flights: Flight[] = [];
  const asked: Row[][] = [];
  const stored: Row[] = [];
  const failures: [table: string, failures: number][] = [];
  const settle = async () => {
    for (let tick = 0; tick < 20; tick++) await Promise.resolve();
  };

  const batches = createBatches<Row>({
    settingsOf: (table) => ({ ...tableSettings(table), ...options.settings }),
    bytesOf: ({ bytes }) => bytes,
    flush: (table, rows) => {
      const { promise, resolve, reject } = Promise.withResolvers<Attempt<unknown>>();
      asked.push([...rows]);
      const end: Flight["end"] = async (how) => {
        flights.splice(flights.indexOf(flight), 1);
        if (how === "store") stored.push(...rows);
        if (how === "fail") reject(AWAY);
        else resolve(how === "store" ? STORED : { kind: "open", ...how });
        await settle();
      };
      const flight = { table, rows, end };
      flights.push(flight);
      return promise;
    },
    failed: (table, _, count) => failures.push([table, count]),
    now: () => ms,
    after: (delay, run) => {
      const id = ++lastId;
      timers.set(id, { at: ms + delay, run });
      return () => timers.delete(id);
    },
    ...options.ports,
  });

  let made = 0;
  return {
    ...batches,
    settle,
    flights,
    timers,
    asked,
    stored,
    failures,
    now: () => ms,
    /** Adds so many rows; resolves with how many were held when nothing more happened by itself. */
    put: async (table: string, rows: number, bytes = 1): Promise<number> => {
      let held = 0;
      for (let row = 0; row < rows; row++)
        batches.add(table, { table, id: ++made, bytes }).then(
          () => held++,
          () => undefined,
        );
      await settle();
      return held;
    },
    /** Lets time pass, timer by timer. */
    pass: async (forMs: number): Promise<void> => {
      const end = ms + forMs;
      for (let fired = 0; ; fired++) {
        if (fired > 10_000) throw new Error("timers without end");
        const next = [...timers].sort(([, a], [, b]) => a.at - b.at).find(([, { at }]) => at <= end);
        if (!next) break;
        timers.delete(next[0]);
        ms = Math.max(ms, next[1].at);
        next[1].run();
        await settle();
      }
      ms = end;
    },
  };
}
