import { parseArgs } from "node:util";
import type { Keys } from "./send.ts";
import { SOURCES, type SourceName } from "./tape.ts";
import type { Plan } from "./timeline.ts";

export const HELP = `Sends a realistic shop's traffic through the ingest door: visitors, sign-ups, orders, returns, a few broken events.

  npm run demo -- [options]

  --events N    how many events, exactly (100000)
  --days D      over how many days before now (30)
  --seed S      any text; the same seed makes the same people, events and ids (1)
  --url URL     the ingest door (that of the system which npm start runs, with data in MILLRACE_DATA)
  --key KEY     the write key; web=KEY, app=KEY or server=KEY for one source, may be repeated
                (three sources of the local system, added when missing; wk_local with --url)
  --now TIME    when the last day ends, ISO 8601 (the present)
  --dry-run     counts what would be sent and sends nothing
  --json        the result as one line of JSON
  --help        this text

Examples
  npm run demo -- --events 5000 --days 7
  npm run demo -- --seed autumn --key web=wk_shop --key app=wk_app --key server=wk_backend --json
`;
const OPTIONS = {
  events: { type: "string", default: "100000" },
  days: { type: "string", default: "30" },
  seed: { type: "string", default: "1" },
  url: { type: "string" },
  key: { type: "string", multiple: true, default: [] as string[] },
  now: { type: "string" },
  "dry-run": { type: "boolean", default: false },
  json: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
} as const;

/** What a command line asks for. `url` and `keys` hold only what was given. */
export type Asked = {
  kind: "run" | "preview" | "help";
  json: boolean;
  plan: Plan;
  url: string | undefined;
  keys: Partial<Keys>;
};

/** Throws a sentence for what cannot be meant. */
export function readArguments(args: string[], now: number): Asked {
  const { values } = parseArgs({ args, options: OPTIONS, allowPositionals: false });
  const kind = values.help ? "help" : values["dry-run"] ? "preview" : "run";
  const plan: Plan = {
    events: numberIn("--events", values.events, 10_000_000),
    days: numberIn("--days", values.days, 365),
    seed: values.seed,
    now: values.now === undefined ? now : timeIn(values.now, now),
  };
  const url = values.url === undefined ? undefined : addressOf(values.url);
  return { kind, json: values.json, plan, url, keys: keysIn(values.key) };
}

function numberIn(option: string, text: string, max: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > max) throw new Error(`${option} must be a whole number from 1 to ${max}, not "${text}".`);
  return value;
}

function timeIn(text: string, now: number): number {
  const ms = /^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms))
    throw new Error(`--now must be a time with its zone, such as 2026-11-21T12:00:00Z, not "${text}".`);
  if (ms > now) throw new Error("--now lies in the future.");
  return ms;
}

function addressOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isDoor = url && /^https?:$/.test(url.protocol) && !url.username && url.port !== "0";
  if (isDoor) return url.origin;
  throw new Error(`--url must be the address of an ingest door, such as http://127.0.0.1:3049, not "${text}".`);
}

function keysIn(given: readonly string[]): Partial<Keys> {
  const keys: Partial<Record<SourceName, string>> = {};
  for (const text of given) {
    const [, name, key] = /^(?:(\w+)=)?(\S+)$/.exec(text) ?? [];
    const sources = name === undefined ? SOURCES : SOURCES.filter((source) => source === name);
    if (!key || sources.length === 0)
      throw new Error(`--key must be KEY, or ${SOURCES.map((s) => `${s}=KEY`).join(", ")}, not "${text}".`);
    for (const source of sources satisfies readonly SourceName[]) keys[source] = key;
  }
  return keys;
}
