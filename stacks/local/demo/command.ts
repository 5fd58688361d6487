import { AppError, messageOf } from "../../../functions/kit/errors.ts";
import { type Asked, HELP, readArguments } from "./arguments.ts";
import { createProgress, type Screen } from "./progress.ts";
import { jsonOf, preview, textOf } from "./report.ts";
import { type DemoOptions, DemoStopped, runDemo } from "./run-demo.ts";
import { runningSystem } from "./running-system.ts";
import type { Keys } from "./send.ts";
import { addDemoSources } from "./sources.ts";
import type { Plan } from "./timeline.ts";

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
  const { stdout, stderr } = terminal;
  const asked = readOr(args, (sentence) => stderr.write(`millrace  ${sentence} See npm run demo -- --help.\n`));
  if (asked === undefined) return 2;
  if (asked.kind === "run") return run(asked, args, terminal);
  stdout.write(asked.kind === "help" ? HELP : preview(asked.plan, asked.json));
  return 0;
}

function readOr(args: string[], complain: (sentence: string) => void): Asked | undefined {
  try {
    return readArguments(args, Date.now());
  } catch (error) {
    complain(messageOf(error));
    return undefined;
  }
}

async function run({ plan, json, url, keys }: Asked, args: string[], terminal: Terminal): Promise<ExitCode> {
  const { stdout, stderr, environment, signal } = terminal;
  const report = json ? jsonOf : textOf;
  const progress = createProgress(stderr, environment, Date.now);
  try {
    const door = await doorOf(url, keys, environment);
    const result = await runDemo({ ...plan, ...door, signal, progress: progress.show });
    progress.end();
    stdout.write(report(plan, result));
    return 0;
  } catch (error) {
    progress.end();
    if (!(error instanceof DemoStopped || error instanceof AppError)) throw error;
    stderr.write(`millrace  ${error.message}\n`);
    if (error instanceof AppError) return 1;
    const missing = `${(plan.events - error.result.settled).toLocaleString("en")} of ${plan.events.toLocaleString("en")}`;
    stdout.write(report(plan, error.result));
    stderr.write(`          ${missing} events have no verdict. To go on, without a second copy of what is in:\n`);
    stderr.write(`          ${again(args, plan)}\n`);
    return 1;
  }
}

type Door = Required<Pick<DemoOptions, "ingestUrl" | "keys">>;

/** The door that was named, else that of the local system that runs, where the shop gets sources of its own. */
async function doorOf(url: string | undefined, keys: Partial<Keys>, environment: NodeJS.ProcessEnv): Promise<Door> {
  if (url !== undefined) return { ingestUrl: url, keys };
  const running = await runningSystem(environment);
  if (!running)
    throw new AppError(
      "unavailable",
      "No local system is running. Start one with npm start, or give an address with --url.",
    );
  try {
    return { ingestUrl: running.ingestUrl, keys: { ...(await addDemoSources(running.postgresUrl)), ...keys } };
  } catch (cause) {
    const sentence = `The local system's database does not take the shop's sources (${messageOf(cause)}). Is npm start still running?`;
    throw new AppError("unavailable", sentence, { cause });
  }
}

/** The command that makes the same events again: what was asked, and the moment that was meant. */
function again(args: readonly string[], plan: Plan): string {
  const words = args.some((word) => word.startsWith("--now"))
    ? args
    : [...args, "--now", new Date(plan.now).toISOString()];
  return `npm run demo -- ${words.map((word) => (/^[\w./:=+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(" ")}`;
}
