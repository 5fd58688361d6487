import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { GetQueueAttributesCommand, ListQueuesCommand } from "@aws-sdk/client-sqs";
import { messageOf } from "../../../functions/kit/errors.ts";
import { createClickHouse } from "../../../functions/stores/clickhouse/client.ts";
import { createWriterState } from "../../../functions/stores/clickhouse/writer-state.ts";
import { kinesisAt, sqsAt } from "../engines/engine-clients.ts";
import { LOCAL } from "../local-mode.ts";
import { lagOf } from "../status/lag.ts";
import { pageOf, type Status } from "../status/page.ts";

const HELP = `How far are the consumers of the local system behind, what waits in its queues, and what was refused lately?

  npm run status            of the system whose data are in .millrace (MILLRACE_DATA)
  npm run status -- --json  the same as JSON

Exit codes: 0 told, 1 nothing is running or it does not answer, 2 wrong use.`;

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
  console.log(json ? JSON.stringify(status) : pageOf(status, Date.now()));
  return 0;
}

type Addresses = { streamUrl: string; queuesUrl: string; clickhouseUrl: string };

async function statusOf({ streamUrl, queuesUrl, clickhouseUrl }: Addresses, checkpoints: string): Promise<Status> {
  const clickhouse = createClickHouse({ url: clickhouseUrl, database: LOCAL.database });
  try {
    const [consumers, queues, writer] = await Promise.all([
      consumersOf(streamUrl, checkpoints),
      queuesOf(queuesUrl),
      createWriterState(clickhouse)(),
    ]);
    return { consumers, queues, writer };
  } finally {
    await clickhouse.close();
  }
}

/** Each consumer's checkpoints are a file of its name. */
async function consumersOf(streamUrl: string, folder: string): Promise<Status["consumers"]> {
  const kinesis = kinesisAt(streamUrl);
  const files = (await readdir(folder)).filter((file) => file.endsWith(".json")).toSorted();
  const consumers = await Promise.all(
    files.map(async (file) => {
      const { shards } = JSON.parse(await readFile(join(folder, file), "utf8")) as Checkpoints;
      const lag = await lagOf(kinesis, LOCAL.stream, (shard) => shards[shard]?.after, Date.now);
      return { name: basename(file, ".json"), shards: lag };
    }),
  );
  kinesis.destroy();
  return consumers;
}
type Checkpoints = { shards: Record<string, { after?: string }> };

async function queuesOf(queuesUrl: string): Promise<Status["queues"]> {
  const sqs = sqsAt(queuesUrl);
  const { QueueUrls = [] } = await sqs.send(new ListQueuesCommand({}));
  const queues = await Promise.all(
    QueueUrls.toSorted().map(async (QueueUrl) => {
      const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] }));
      const figure = (name: keyof NonNullable<typeof Attributes>) => Number(Attributes?.[name] ?? 0);
      const waiting = figure("ApproximateNumberOfMessages");
      return { name: basename(QueueUrl), waiting, inFlight: figure("ApproximateNumberOfMessagesNotVisible") };
    }),
  );
  sqs.destroy();
  return queues;
}

try {
  process.exitCode = await main();
} catch (error) {
  say(`The system does not answer: ${messageOf(error)}`);
  process.exitCode = 1;
}
