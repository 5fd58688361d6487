import { parseArgs } from "node:util";
import { messageOf } from "../../../functions/kit/errors.ts";
import { createProgress, type Screen } from "./progress.ts";
import { jsonOf, preview, textOf } from "./report.ts";
import { DemoStopped, LOCAL_KEYS, runDemo } from "./run-demo.ts";
import type { Keys } from "./send.ts";
import { SOURCES, type SourceName } from "./tape.ts";
import type { Plan } from "./timeline.ts";

const HELP = `Sends a realistic shop's traffic through the ingest door: visitors, sign-ups, orders, returns, a few broken events.

  npm run demo -- [options]

  --events N    how many events, exactly (100000)
  --days D      over how many days before now (30)
  --seed S      any text; the same seed makes the same people, events and ids (1)
  --url URL     the ingest door (http://127.0.0.1:3049, or the port of PORT_INGEST)
  --key KEY     the write key; web=KEY, app=KEY or server=KEY for one source, may be repeated (wk_local)
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

export type Terminal = {
  stdout: Screen;
  stderr: Screen;
  environment: NodeJS.ProcessEnv;
  /** Aborted when the user wants it to end. */
  signal: AbortSignal;
};
export type ExitCode = 0 | 1 | 2;

/** `npm run demo`: result on standard output, all else on standard error. 0 all events have a verdict, 1 not, 2 wrong use. */
export async function demoCommand(args: string[], terminal: Terminal): Promise<ExitCode> {
  const { stdout, stderr, environment, signal } = terminal;
  let asked: Asked;
  try {
    asked = read(args, environment, Date.now());
  } catch (error) {
    stderr.write(`millrace  ${messageOf(error)} See npm run demo -- --help.\n`);
    return 2;
  }
  const { kind, json, plan, ingestUrl, keys } = asked;
  const print = (text: string): ExitCode => {
    stdout.write(text);
    return 0;
  };
  if (kind === "help") return print(HELP);
  if (kind === "preview") return print(preview(plan, json));

  const progress = createProgress(stderr, environment, Date.now);
  const report = json ? jsonOf : textOf;
  try {
    const result = await runDemo({ ...plan, ingestUrl, keys, signal, progress: progress.show });
    progress.end();
    return print(report(plan, result));
  } catch (error) {
    progress.end();
    if (!(error instanceof DemoStopped)) throw error;
    print(report(plan, error.result));
    const missing = plan.events - error.result.settled;
    stderr.write(
      `millrace  ${error.message}\n          ${missing.toLocaleString("en")} of ${plan.events.toLocaleString("en")} events have no verdict. `,
    );
    stderr.write(`To go on, without a second copy of what is in:\n          ${again(args, plan)}\n`);
    return 1;
  }
}

type Asked = { kind: "run" | "preview" | "help"; json: boolean; plan: Plan; ingestUrl: string; keys: Keys };

/** Throws a sentence for what cannot be meant. */
function read(args: string[], { PORT_INGEST }: Terminal["environment"], now: number): Asked {
  const { values } = parseArgs({ args, options: OPTIONS, allowPositionals: false });
  const kind = values.help ? "help" : values["dry-run"] ? "preview" : "run";
  const plan: Plan = {
    events: numberIn("--events", values.events, 10_000_000),
    days: numberIn("--days", values.days, 365),
    seed: values.seed,
    now: values.now === undefined ? now : timeIn(values.now, now),
  };
  const ingestUrl = addressOf(values.url ?? `http://127.0.0.1:${PORT_INGEST || "3049"}`);
  return { kind, json: values.json, plan, ingestUrl, keys: keysIn(values.key) };
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

function keysIn(given: readonly string[]): Keys {
  const keys = { ...LOCAL_KEYS };
  for (const text of given) {
    const [, name, key] = /^(?:(\w+)=)?(\S+)$/.exec(text) ?? [];
    const sources = name === undefined ? SOURCES : SOURCES.filter((source) => source === name);
    if (!key || sources.length === 0)
      throw new Error(`--key must be KEY, or ${SOURCES.map((s) => `${s}=KEY`).join(", ")}, not "${text}".`);
    for (const source of sources satisfies readonly SourceName[]) keys[source] = key;
  }
  return keys;
}

/** The command that makes the same events again: what was asked, and the moment that was meant. */
function again(args: readonly string[], plan: Plan): string {
  const words = args.some((word) => word.startsWith("--now"))
    ? args
    : [...args, "--now", new Date(plan.now).toISOString()];
  return `npm run demo -- ${words.map((word) => (/^[\w./:=+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(" ")}`;
}
