import { mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Session } from "chdb";
import { JSON_SETTINGS } from "../functions/stores/clickhouse/insert-rows.ts";
import { readsOf } from "./storage-reads.ts";
import { blockOf, COLUMN_NAMES } from "./storage-rows.ts";
import { VARIANTS } from "./storage-variants.ts";

/**
 * How should `events` be stored? Loads the same rows into every variant of the table, an insert of one after an insert
 * of the other, then asks each the same questions. `node bench/storage.ts --rows 2000000 --variants base,text`
 */
const { values: given } = parseArgs({
  options: {
    rows: { type: "string", default: "2000000" },
    variants: { type: "string", default: Object.keys(VARIANTS).join(",") },
    by: { type: "string", default: "wall" },
    repeats: { type: "string", default: "5" },
  },
});
const rows = Number(given.rows);
const names = given.variants.split(",");
const repeats = Number(given.repeats);

/** Inserts that are timed, of each size; merges wait meanwhile, so that their CPU is not counted here. */
const TIMED = { 10000: 12, 100000: 3 };
const LOAD_ROWS = 50_000;

const dir = mkdtempSync(join(tmpdir(), "millrace-storage-"));
const inbox = join(memoryFolder(), `millrace-storage-${process.pid}`);
const session = new Session(dir);
const run = (sql: string) => session.query(sql, "JSONCompact");

type Figures = Record<string, number>;
const figures = new Map<string, Figures>(names.map((name) => [name, {}]));
const note = (name: string, key: string, value: number) => Object.assign(figures.get(name) ?? {}, { [key]: value });

try {
  run("CREATE DATABASE bench");
  run("USE bench");
  const created = readFileSync("sql/clickhouse/0001_events.up.sql", "utf8").split(";\n")[0] ?? "";
  for (const name of names)
    run((VARIANTS[name]?.(created) ?? "").replace("CREATE TABLE events", `CREATE TABLE ${name}`));

  let first = timedInserts();
  first = load(first);
  for (const name of names) run(`SYSTEM STOP MERGES ${name}`);
  for (const name of names) stateOf(name, "fresh");
  askAll("fresh");
  for (const name of names) run(`SYSTEM START MERGES ${name}`);
  for (const name of names) {
    const cpu = cpuOf(() => run(`OPTIMIZE TABLE ${name} FINAL`));
    note(name, "merge µs/row", (cpu * 1_000) / rows);
    stateOf(name, "merged");
  }
  askAll("merged");
  console.table(table());
} finally {
  session.cleanup();
  rmSync(dir, { recursive: true, force: true });
  rmSync(inbox, { force: true });
}

/** Interleaved: A B A B, so that a busy machine slows all alike. */
function timedInserts(): number {
  let first = 0;
  for (const name of names) run(`SYSTEM STOP MERGES ${name}`);
  for (const [size, times] of Object.entries(TIMED)) {
    const count = Number(size);
    const cpu: Record<string, number[]> = Object.fromEntries(names.map((name) => [name, []]));
    for (let time = 0; time < times && first + count <= rows; time++) {
      const block = blockOf(first, count, rows);
      for (const name of names) {
        writeFileSync(inbox, block(jsonTypeOf(name)));
        cpu[name]?.push(cpuOf(() => insert(name, `${first}`)));
      }
      first += count;
    }
    for (const name of names) note(name, `rows/CPU-s, ${size}`, (count * 1_000) / median(cpu[name] ?? []));
  }
  for (const name of names) run(`SYSTEM START MERGES ${name}`);
  return first;
}

function load(from: number): number {
  let first = from;
  for (; first < rows; first += LOAD_ROWS) {
    const block = blockOf(first, Math.min(LOAD_ROWS, rows - first), rows);
    for (const name of names) {
      writeFileSync(inbox, block(jsonTypeOf(name)));
      insert(name, `${first}`);
    }
  }
  return first;
}

/** As the table declares it, to the letter. */
function jsonTypeOf(name: string): string {
  const [type] = one(
    `SELECT type FROM system.columns WHERE database = 'bench' AND table = '${name}' AND name = 'properties'`,
  );
  return String(type);
}

function insert(name: string, token: string) {
  const columns = COLUMN_NAMES.map((column) => `\`${column}\``).join(", ");
  const settings = Object.entries({
    ...JSON_SETTINGS,
    deduplicate_insert: "'enable'",
    insert_deduplication_token: `'${token}'`,
  });
  const list = settings.map(([key, value]) => `${key} = ${value}`).join(", ");
  run(`INSERT INTO ${name} (${columns}) FROM INFILE '${inbox}' SETTINGS ${list} FORMAT Native`);
}

function stateOf(name: string, state: string) {
  const [parts, bytes, all] = one(
    `SELECT count(), sum(bytes_on_disk), sum(rows) FROM system.parts WHERE database = 'bench' AND table = '${name}' AND active`,
  );
  if (Number(all) !== rows) throw new Error(`${name} holds ${all} of ${rows} rows`);
  note(name, `parts, ${state}`, Number(parts));
  note(name, `bytes/row, ${state}`, Number(bytes) / rows);
}

function askAll(state: string) {
  const best = new Map<string, number>();
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (const name of names) {
      for (const [question, sql] of Object.entries(readsOf(name, rows))) {
        const key = `${name}\n${question}`;
        best.set(key, Math.min(best.get(key) ?? Number.POSITIVE_INFINITY, costOf(sql)));
      }
    }
  }
  for (const [key, ms] of best) {
    const [name = "", question = ""] = key.split("\n");
    note(name, `${question}, ${state}`, ms);
  }
}

function one(sql: string): unknown[] {
  const answer = JSON.parse(run(sql)) as { data: unknown[][] };
  return answer.data[0] ?? [];
}

function cpuOf(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

function wallOf(work: () => void): number {
  const before = performance.now();
  work();
  return performance.now() - before;
}

/** What a question costs: wall ms, or on a busy machine `--by cpu` (ms) or `--by kilobytes`, which is always the same. */
function costOf(sql: string): number {
  if (given.by === "wall") return wallOf(() => run(sql));
  if (given.by === "cpu") return cpuOf(() => run(sql));
  return (JSON.parse(run(sql)) as { statistics: { bytes_read: number } }).statistics.bytes_read / 1_024;
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** One line for each figure, one column for each variant. */
function table(): Record<string, Record<string, number>> {
  const keys = [...new Set([...figures.values()].flatMap((one) => Object.keys(one)))];
  return Object.fromEntries(
    keys.map((key) => [
      key,
      Object.fromEntries(names.map((name) => [name, rounded(figures.get(name)?.[key] ?? Number.NaN)])),
    ]),
  );
}

function rounded(value: number): number {
  return value >= 1_000 ? Math.round(value / 100) * 100 : Math.round(value * 10) / 10;
}

function memoryFolder(): string {
  try {
    statfsSync("/dev/shm");
    return "/dev/shm";
  } catch {
    return tmpdir();
  }
}
