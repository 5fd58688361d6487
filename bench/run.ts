import { mkdirSync, writeFileSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { messageOf } from "../functions/kit/errors.ts";
import { bundle } from "./bundle.ts";
import { consumer } from "./consumer.ts";
import { door } from "./door.ts";
import { endToEnd } from "./end-to-end.ts";
import { exactness } from "./exactness.ts";
import { freshness } from "./freshness.ts";
import { handler } from "./handler.ts";
import { machine } from "./kit/machine.ts";
import { HELP, type Options, type QuestionName, readOptions } from "./kit/options.ts";
import { verdictOf } from "./kit/row.ts";
import { type Answer, FULL, QUICK, type Question } from "./kit/scale.ts";
import { tableOf } from "./kit/table.ts";
import { memory } from "./memory.ts";
import { streamBytes } from "./stream-bytes.ts";

const ASK: Record<QuestionName, Question> = {
  door,
  "end-to-end": endToEnd,
  consumer,
  exactness,
  memory,
  "stream-bytes": streamBytes,
  freshness,
  handler,
  bundle,
};
const RESULTS = fileURLToPath(new URL("results/", import.meta.url));

const say = (sentence: string) => console.error(`bench  ${sentence}`);

/** 0 = measured, whatever the verdicts are; 1 = a question could not be measured; 2 = wrong use. */
async function main(): Promise<number> {
  let options: Options;
  try {
    options = readOptions(process.argv.slice(2));
  } catch (error) {
    say(`${messageOf(error)} See npm run bench -- --help.`);
    return 2;
  }
  if (options.help) {
    console.log(HELP);
    return 0;
  }
  if (process.platform !== "linux") {
    say("reads CPU and memory of processes from /proc, which only Linux has.");
    return 1;
  }
  const started = new Date();
  const on = machine();
  const scale = options.quick ? QUICK : FULL;
  const answers: Partial<Record<QuestionName, Answer>> = {};
  const failed: string[] = [];
  for (const name of options.only) {
    try {
      answers[name] = await ASK[name]({ scale, seed: options.seed, say });
    } catch (error) {
      failed.push(`${name} could not be measured: ${messageOf(error)}`);
    }
  }
  const rows = Object.values(answers).flatMap((answer) => answer.rows);
  const notes = [...Object.values(answers).flatMap((answer) => answer.notes), ...failed];
  const measured = Object.fromEntries(Object.entries(answers).map(([name, answer]) => [name, answer.measured]));
  const judged = rows.map((row) => ({ ...row, verdict: verdictOf(row) }));
  const result = { at: started.toISOString(), machine: on, seed: options.seed, scale, rows: judged, notes, measured };
  const file = fileOf(started, on.commit, options.quick);
  writeFileSync(file, `${JSON.stringify(result, null, 1)}\n`);

  if (options.json) console.log(JSON.stringify(result));
  else
    console.log(
      [
        tableOf(rows),
        "",
        ...notes,
        "",
        `${on.cpu}, ${on.cores} cores, ${on.memoryGb} GB, Node ${on.node}, chdb ${on.chdb}, commit ${on.commit}${on.dirty ? " with changes" : ""}, load before ${on.loadBefore}`,
      ].join("\n"),
    );
  say(`written to ${relative(process.cwd(), file)}${options.quick ? "; a quick run: its figures mean little" : ""}`);
  return failed.length > 0 ? 1 : 0;
}

/** `2026-11-21-668bfd7.json`; a second run of a day and commit replaces the first, a quick one never a full one. */
function fileOf(at: Date, commit: string, quick: boolean): string {
  mkdirSync(RESULTS, { recursive: true });
  return `${RESULTS}${at.toISOString().slice(0, 10)}-${commit}${quick ? "-quick" : ""}.json`;
}

process.exitCode = await main();
