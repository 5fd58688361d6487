import { execFile } from "node:child_process";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { isAway } from "../../../stacks/local/status/found.ts";
import type { Status } from "../../../stacks/local/status/page.ts";
import { createClickHouse } from "../../stores/clickhouse/client.ts";
import { wrongTotals } from "../derived-totals.ts";
import type { StoredRow } from "../faults/invariants.ts";
import { sql } from "../local-client.ts";
import type { Running } from "../local-system.ts";
import type { Left } from "./judge.ts";
import type { Shop } from "./shop.ts";

const STATUS = fileURLToPath(new URL("../../../stacks/local/commands/status.ts", import.meta.url));

/** What `npm run status` tells of the system whose data are there. */
async function statusOf(dataDir: string): Promise<Status> {
  const env = { ...process.env, MILLRACE_DATA: dataDir };
  const { stdout } = await promisify(execFile)(process.execPath, [STATUS, "--json"], { env });
  return JSON.parse(stdout) as Status;
}

function waitingIn({ consumers, queues }: Status): string[] {
  if (isAway(consumers) || isAway(queues)) return ["stream or queues do not answer"];
  return [
    ...consumers.flatMap(({ name, shards }) =>
      shards
        .filter(({ records }) => records > 0)
        .map(({ shard, records }) => `${name} is ${records} behind on ${shard}`),
    ),
    ...queues
      .filter(({ waiting, inFlight }) => waiting + inFlight > 0)
      .map(({ name, waiting, inFlight }) => `${waiting + inFlight} messages in the queue ${name}`),
  ];
}

/** What a queue gave up stays where it is; what was acknowledged must not end there. */
const isGivenUp = (what: string) => what.endsWith("-dead");

/** Waits until stream and queues are empty, twice in a row; the seconds it took, and what still waits after `limitMs`. */
export async function untilDrained(dataDir: string, limitMs: number): Promise<{ seconds: number; waiting: string[] }> {
  const started = performance.now();
  let quiet = 0;
  let waiting = ["nothing is known of it"];
  while (performance.now() - started < limitMs) {
    try {
      waiting = waitingIn(await statusOf(dataDir));
    } catch {
      waiting = ["the system does not answer"]; // as long as its processes start again
    }
    quiet = waiting.every(isGivenUp) ? quiet + 1 : 0;
    if (quiet === 2) return { seconds: (performance.now() - started) / 1_000, waiting };
    await wait(1_000);
  }
  return { seconds: (performance.now() - started) / 1_000, waiting };
}

/** What the tables hold of a workspace. */
export async function leftOf(running: Running, { workspaceId }: Pick<Shop, "workspaceId">): Promise<Left> {
  const rows = await sql<[string, string, string, string, string]>(
    running,
    `SELECT message_id, anonymous_id, toString(properties.n), toString(properties.text),
      concat(_shard, '/', toString(_seq), '/', toString(_sub))
      FROM events WHERE workspace_id = '${workspaceId}' ORDER BY _shard, _seq, _sub`,
  );
  const letters = await sql<[string]>(
    running,
    `SELECT DISTINCT message_id FROM dead_letters WHERE workspace_id = '${workspaceId}'`,
  );
  return {
    rows: rows.map(([id, key, n, props, position]): StoredRow => ({ id, key, n: Number(n), props, position })),
    letters: letters.map(([id]) => id),
  };
}

/** What the derived totals say otherwise than the events do, once they are counted again (I4). */
export async function wrongTotalsOf({ clickhouseUrl }: Running): Promise<string[]> {
  const clickhouse = createClickHouse({ url: clickhouseUrl });
  try {
    return await wrongTotals(clickhouse);
  } finally {
    await clickhouse.close();
  }
}
