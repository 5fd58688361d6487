import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { messageOf } from "../../../functions/kit/errors.ts";
import { isAway } from "../status/found.ts";
import { pageOf } from "../status/page.ts";
import { statusOf } from "../status/status-of.ts";

const HELP = `How far are the consumers of the local system behind, how does the writer insert, what waits in the queues, and what was
refused lately? Who is away is named, the others answer.

  npm run status            of the system whose data are in .millrace (MILLRACE_DATA)
  npm run status -- --json  the same as JSON

Exit codes: 0 told, 1 nothing is running or nobody answers, 2 wrong use.`;

const say = (sentence: string) => console.error(`millrace  ${sentence}`);

async function main(): Promise<number> {
  const dataDir = process.env.MILLRACE_DATA || ".millrace";
  let json: boolean;
  try {
    const { values } = parseArgs({ options: { json: { type: "boolean", default: false }, help: { type: "boolean" } } });
    if (values.help) {
      console.log(HELP);
      return 0;
    }
    json = values.json;
  } catch (error) {
    say(`${messageOf(error)} See npm run status -- --help.`);
    return 2;
  }
  const run = await readFile(join(dataDir, "run.json"), "utf8").catch(() => undefined);
  if (run === undefined) {
    say(`Nothing is running on the data in ${dataDir}. Start it with npm start.`);
    return 1;
  }
  const status = await statusOf(JSON.parse(run), join(dataDir, "workers"));
  if (Object.values(status).every(isAway)) {
    say(`The system of ${dataDir} does not answer. Start it with npm start.`);
    return 1;
  }
  console.log(json ? JSON.stringify(status) : pageOf(status, Date.now()));
  return 0;
}

// Ends at once: what asks an engine that hangs would keep it for as long as its client waits.
process.exit(await main());
