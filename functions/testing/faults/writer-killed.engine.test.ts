import { rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, inject, test, vi } from "vitest";
import { startChild } from "../../../stacks/local/child.ts";
import { log } from "../../kit/log.ts";
import { aCheckedEvent, aFrame } from "../builders.ts";
import { forgetDataDir, newDataDir } from "../data-dir.ts";
import type { WriterOptions } from "./writer-process.ts";
import { openWriterSystem, type WriterSystem } from "./writer-system.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
log.level = "silent";

const RECORDS = 20;
const EVENTS_EACH = 3;

let system: WriterSystem;
let dataDir: string;
/** Everything that was ever put, in order: each test's writers read the stream from its start. */
const sent: string[] = [];
beforeAll(async () => {
  [system, dataDir] = await Promise.all([openWriterSystem(inject("engines")), newDataDir()]);
  await system.command("CREATE TABLE slow (n UInt64) ENGINE = Null");
});
afterAll(async () => {
  await system?.close();
  await forgetDataDir(dataDir);
});

type How = Partial<Pick<WriterOptions, "batchSize" | "killAt" | "failFirst">>;
const startWriter = (checkpoints: string, how: How) =>
  startChild<WriterOptions, Record<string, never>>(
    fileURLToPath(new URL("writer-process.ts", import.meta.url)),
    {
      ...{ stores: system.settings, streamUrl: inject("engines").stream.url, batchSize: 7 },
      ...{ checkpoints: join(dataDir, `${checkpoints}.json`), ...how },
    },
    { env: { LOG_LEVEL: "silent" } },
  );
async function put(name: string): Promise<void> {
  for (let record = 0; record < RECORDS; record++) {
    const ids = Array.from({ length: EVENTS_EACH }, (_, n) => `${name}-${record}-${n}`);
    await system.putRecord(aFrame(ids.map((messageId) => aCheckedEvent({ messageId }))));
    sent.push(...ids);
  }
}
async function dies(checkpoints: string, how: How): Promise<void> {
  const writer = await startWriter(checkpoints, how);
  expect(await writer.exited).toEqual({ code: null, signal: "SIGKILL" });
}
/** Until every event that was sent has come, and the writer has said of the last batch that it is done. */
async function finishes(checkpoints: string, how: How): Promise<void> {
  const writer = await startWriter(checkpoints, how);
  const distinct = async () => Number((await system.rowsOf("SELECT uniqExact(message_id) AS ids FROM events"))[0]?.ids);
  await expect.poll(distinct, { timeout: 60_000, interval: 50 }).toBe(sent.length);
  await writer.stop();
}
const stored = async () =>
  (await system.rowsOf("SELECT message_id AS id FROM events ORDER BY _shard, _seq, _sub")).map(({ id }) => id);

const OUTCOMES: [id: string, what: string, dying: How, next: How, isAnew: boolean][] = [
  [
    "F11",
    "behind an insert, before its commit: the same batch again",
    { killAt: { insert: 2, moment: "behind" } },
    {},
    false,
  ],
  ["F12", "the same, and the batch is halved", { killAt: { insert: 2, moment: "behind" } }, { failFirst: true }, false],
  [
    "F13",
    "the same, and the batch is cut otherwise",
    { killAt: { insert: 2, moment: "behind" } },
    { batchSize: 4 },
    false,
  ],
  [
    "F13",
    "the same, and the mapping is made anew at TRIM_HORIZON",
    { killAt: { insert: 2, moment: "behind" } },
    { batchSize: 5 },
    true,
  ],
];
test.each(OUTCOMES)(
  "%s a writer that is killed %s: each event is stored once, in order",
  async (id, what, dying, next, isAnew) => {
    const name = `${id} ${what}`;
    await put(name);
    const checkpoints = name.replaceAll(/\W+/g, "-");
    await dies(checkpoints, dying);
    if (isAnew) await rm(join(dataDir, `${checkpoints}.json`));
    await finishes(checkpoints, next);
    expect(await stored()).toEqual(sent);
  },
);

test("F9 a writer that is killed while its insert goes on in the engine: the retry, cut otherwise, starts at once and makes no second copy", async () => {
  await put("F9");
  // The engine is busy: the insert of the dead one is done only when its retry is under way.
  const busy = system.command("INSERT INTO slow SELECT sleepEachRow(0.5) FROM numbers(6) SETTINGS max_block_size = 1");
  await dies("f9", { killAt: { insert: 1, moment: "amid" } });
  await finishes("f9", { batchSize: 4 });
  await busy;
  expect(await stored()).toEqual(sent);
});
