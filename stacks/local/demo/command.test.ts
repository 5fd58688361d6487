import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { demoCommand } from "./command.ts";

vi.setConfig({ testTimeout: 60_000 });

async function demo(args: string[], environment = { MILLRACE_DATA: "no-such-folder" }) {
  let [out, err] = ["", ""];
  const stdout = { write: (text: string) => (out += text) };
  const stderr = { write: (text: string) => (err += text) };
  const code = await demoCommand(args, { stdout, stderr, environment, signal: new AbortController().signal });
  return { code, out, err };
}

/** A door that refuses the first event of every request and takes the others. */
async function withDoor<T>(use: (url: string) => Promise<T>): Promise<T> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { batch } = JSON.parse(Buffer.concat(chunks).toString()) as { batch: unknown[] };
    response.end(JSON.stringify({ success: true, accepted: batch.length - 1, duplicates: 0, rejected: [REFUSED] }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  try {
    return await use(`http://127.0.0.1:${port}`);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

const REFUSED = { index: 0, message_id: "", code: "validation_failed", message: "wrong" };

/** An address where a server was, and nothing is now. */
const nobody = () => withDoor(async (url) => url);

test("--help shows two examples and sends nothing", async () => {
  const { code, out, err } = await demo(["--help"]);
  expect([code, err]).toEqual([0, ""]);
  expect(out.split("Examples\n")[1]?.match(/npm run demo -- /g)).toHaveLength(2);
});

test.each([
  [["--events", "0"], "--events must be a whole number from 1 to 10000000"],
  [["--events", "1e3"], "--events"],
  [["--days", "366"], "--days must be a whole number from 1 to 365"],
  [["--now", "yesterday"], "--now must be a time with its zone"],
  [["--now", "2999-01-01T00:00:00Z"], "--now lies in the future"],
  [["--url", "localhost:3049"], "--url must be the address of an ingest door"],
  [["--key", "shop=wk"], "--key must be KEY, or web=KEY"],
  [["--evnets", "5"], "--evnets"],
  [["5"], "5"],
])("%j is wrong use: exit code 2 and a sentence, nothing on standard output", async (args, sentence) => {
  const { code, out, err } = await demo(args);
  expect([code, out]).toEqual([2, ""]);
  expect(err).toContain(sentence);
  expect(err).toContain("npm run demo -- --help");
});

test("where no local system runs and no address is given, it says so", async () => {
  const { code, out, err } = await demo(["--events", "20"]);
  expect([code, out]).toEqual([1, ""]);
  expect(err).toBe("millrace  No local system is running. Start one with npm start, or give an address with --url.\n");
});

test("a system that is gone is named as such, though its run.json is still there", async () => {
  const folder = await mkdtemp(join(tmpdir(), "millrace-demo-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const ingestUrl = await nobody();
  await writeFile(
    join(folder, "run.json"),
    JSON.stringify({ ingestUrl, postgresUrl: ingestUrl.replace("http:", "postgres:") }),
  );
  const { code, err } = await demo(["--events", "20"], { MILLRACE_DATA: folder });
  expect(code).toBe(1);
  expect(err).toContain(
    "The local system's database does not take the shop's sources (The database does not answer, try again.)",
  );
});

test("--dry-run counts exactly what a run sends", async () => {
  const args = ["--events", "2000", "--days", "5", "--now", "2026-11-21T12:00:00Z", "--json"];
  const dry = JSON.parse((await demo([...args, "--dry-run"])).out) as {
    by_type: Record<string, number>;
    dry_run: boolean;
  };
  const { out } = await withDoor((url) => demo([...args, "--url", url]));
  const { by_type } = JSON.parse(out) as { by_type: Record<string, { taken: number; refused: number }> };
  expect(dry.dry_run).toBe(true);
  expect(dry.by_type).toEqual(
    Object.fromEntries(Object.entries(by_type).map(([type, { taken, refused }]) => [type, taken + refused])),
  );
});

test("--json prints one line that a machine can read", async () => {
  const { out, code } = await withDoor((url) => demo(["--events", "50", "--seed", "x", "--json", "--url", url]));
  expect(code).toBe(0);
  expect(out.trim().split("\n")).toHaveLength(1);
  expect(JSON.parse(out)).toMatchObject({
    events: 50,
    days: 30,
    seed: "x",
    settled: 50,
    accepted: 50 - 3,
    duplicates: 0,
    refused: 3,
  });
});

test("a person reads the counts by type, the totals and the speed", async () => {
  const { out } = await withDoor((url) => demo(["--events", "300", "--days", "3", "--url", url]));
  // 300 events are one request of each source, and each request loses one.
  expect(out).toMatch(/^millrace {2}demo: 300 events of 3 days in [\d.]+ s, [\d,]+ events\/s\n/);
  expect(out).toMatch(/\n {2}group +\d+ +0\n/);
  expect(out).toMatch(/\n {2}total +297 +3\n/);
  expect(out).toContain("accepted 297, duplicates 0, refused 3 (validation_failed 3)\n");
});

test("a run that fails is exit code 1, with the command that goes on where it ended", async () => {
  const { code, err } = await demo(["--events", "50", "--seed", "it's", "--url", await nobody()]);
  expect(code).toBe(1);
  expect(err).toContain("Nothing listens at http://127.0.0.1:");
  expect(err).toContain("50 of 50 events have no verdict.");
  expect(err).toMatch(
    /npm run demo -- --events 50 --seed 'it'\\''s' --url http:\/\/127\.0\.0\.1:\d+ --now \d{4}-.*Z\n/,
  );
});
