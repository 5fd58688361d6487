import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openCheckpoints } from "./checkpoints.ts";

const LONG = "49601189658422359378836298521827638475320189012309704722";
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-checkpoints-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("positions, the mapping's name and its stream survive a restart, digit by digit", async () => {
  const path = join(folder, "new", "folder", "kept.json");
  const first = await openCheckpoints(path);
  await first.startOver(1_700_000_000_000);
  await first.save("shardId-000000000000", { after: LONG, asOfMs: 5 });
  await first.save("shardId-000000000001", { fromMs: 3, asOfMs: 4, drained: true });
  const again = await openCheckpoints(path);
  expect([again.mappingId, again.streamCreatedMs()]).toEqual([first.mappingId, 1_700_000_000_000]);
  expect([...again.all()]).toEqual([
    ["shardId-000000000000", { after: LONG, asOfMs: 5 }],
    ["shardId-000000000001", { fromMs: 3, asOfMs: 4, drained: true }],
  ]);
  await again.forget(["shardId-000000000001"]);
  expect([...(await openCheckpoints(path)).all().keys()]).toEqual(["shardId-000000000000"]);
});

test("many saves at once end with the last of each shard, and leave one file", async () => {
  const path = join(folder, "busy.json");
  const checkpoints = await openCheckpoints(path);
  const saves = Array.from({ length: 500 }, (_, index) =>
    checkpoints.save(`shard-${index % 4}`, { after: `${index}`, asOfMs: index }),
  );
  await saves[3];
  const early = JSON.parse(await readFile(path, "utf8")) as { shards: Record<string, { after: string }> };
  expect(Number(early.shards["shard-3"]?.after)).toBeGreaterThanOrEqual(3);
  await Promise.all(saves);
  const { shards } = JSON.parse(await readFile(path, "utf8")) as { shards: Record<string, { after: string }> };
  expect(Object.values(shards).map(({ after }) => after)).toEqual(["496", "497", "498", "499"]);
  expect((await readdir(folder)).filter((name) => name.startsWith("busy"))).toEqual(["busy.json"]);
});

test("a write that fails is an error for its caller, and the next one is written", async () => {
  const path = join(folder, "removed", "file.json");
  const checkpoints = await openCheckpoints(path);
  await rm(join(folder, "removed"), { recursive: true });
  await expect(checkpoints.save("s", { asOfMs: 1 })).rejects.toThrow(/ENOENT/);
  const back = await openCheckpoints(path);
  expect(back.all().size).toBe(0);
  await checkpoints.save("s", { asOfMs: 2 });
  expect((await openCheckpoints(path)).all().get("s")).toEqual({ asOfMs: 2 });
});

test.each([
  ["half a file", '{"version":1,"mapp'],
  ["an empty file", ""],
  ["another file", "[]"],
  [
    "a number where digits belong as text",
    `{"version":1,"mappingId":"11111111-1111-4111-8111-111111111111","shards":{"s":{"after":5,"asOfMs":1}}}`,
  ],
  ["a version to come", `{"version":2,"mappingId":"11111111-1111-4111-8111-111111111111","shards":{}}`],
])("%s is an error that names the file and the way out, never a start from the beginning", async (_name, text) => {
  const path = join(folder, "corrupt.json");
  await writeFile(path, text);
  await expect(openCheckpoints(path)).rejects.toThrow(/corrupt\.json holds no readable checkpoints.*delete it/);
  expect(await readFile(path, "utf8")).toBe(text);
});
