import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { authorize, hashOfToken } from "../../../functions/auth/api-token.ts";
import { hashOfKey } from "../../../functions/registry/write-key.ts";
import { createTokenByHash } from "../../../functions/stores/postgres/api-tokens.ts";
import { openPostgres } from "../../../functions/stores/postgres/client.ts";
import { auditLog } from "../../../functions/stores/postgres/schema/audit-log.ts";
import { createSourceByLookup } from "../../../functions/stores/postgres/source-by-lookup.ts";
import { type FreshPostgres, freshPostgres } from "../../../functions/testing/fresh-postgres.ts";
import { adminCommand } from "./command.ts";

const COMMAND = fileURLToPath(new URL("../commands/admin.ts", import.meta.url));

let fresh: FreshPostgres;
let folder: string;
let store: ReturnType<typeof openPostgres>;

beforeAll(async () => {
  fresh = await freshPostgres(inject("engines").database.url);
  store = openPostgres(fresh.url);
  folder = await mkdtemp(join(tmpdir(), "millrace-admin-"));
});

afterAll(async () => {
  await store.close();
  await fresh.drop();
  await rm(folder, { recursive: true });
});

type Ended = { code: number; stdout: string; stderr: string };

/** Nothing of this process' environment names a database. */
const environmentOf = (variables: Record<string, string>) => ({ MILLRACE_DATA: folder, ...variables });

/** What the command does, in this process: starting one costs more than all else. */
async function admin(args: string[], variables: Record<string, string> = { POSTGRES_URL: fresh.url }): Promise<Ended> {
  const said = { stdout: "", stderr: "" };
  const to = (stream: "stdout" | "stderr") => ({ write: (text: string) => (said[stream] += text) });
  const terminal = { stdout: to("stdout"), stderr: to("stderr"), environment: environmentOf(variables) };
  const code = await adminCommand(args, terminal);
  return { code, ...said };
}

/** The command as a person runs it, which must end by itself. */
function inProcess(args: string[], variables: Record<string, string> = { POSTGRES_URL: fresh.url }): Promise<Ended> {
  const env = { PATH: process.env.PATH, LOG_LEVEL: "silent", ...environmentOf(variables) };
  return new Promise((resolve) => {
    execFile(process.execPath, [COMMAND, ...args], { env }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
    });
  });
}
async function made(...args: string[]): Promise<Record<string, string>> {
  const { code, stdout, stderr } = await admin([...args, "--json"]);
  expect([code, stderr.replace(/^millrace {2}The doors hear of it .*\n/, "")]).toEqual([0, ""]);
  return JSON.parse(stdout);
}

test("from nothing to a workspace that takes events and answers, each secret shown once", async () => {
  const workspace = await made("workspace", "create", "--name", "Shop", "--tier", "pro");
  expect(workspace).toMatchObject({ name: "Shop", tier: "pro", timezone: "UTC" });
  const source = await made("source", "create", "--workspace", "Shop", "--name", "Web");
  const key = await made("key", "create", "--source", "Web");
  const scopes = "sources:write,dlq:read";
  const token = await made(
    "token",
    "create",
    "--workspace",
    `${workspace.id}`,
    "--name",
    "CI",
    "--scopes",
    scopes,
    "--expires",
    "90d",
  );

  const find = createSourceByLookup(store.db);
  expect(await find(hashOfKey(`${key.write_key}`))).toMatchObject({
    id: source.id,
    workspaceId: workspace.id,
    limits: { windowRequestsMax: 2_500 },
  });
  const asked = { token: token.token, workspaceHeader: undefined, localMode: false, now: Date.now };
  expect(await authorize({ ...asked, tokenByHash: createTokenByHash(store.db) })).toMatchObject({
    workspaceId: workspace.id,
    scopes: ["sources:write", "dlq:read"],
  });
  expect(Date.parse(`${token.expires_at}`)).toBeGreaterThan(Date.now() + 89 * 86_400_000);

  const lists = [
    await admin(["workspace", "list"]),
    await admin(["source", "list", "--workspace", "Shop"]),
    await admin(["key", "list", "--source", `${source.id}`]),
    await admin(["token", "list", "--workspace", "Shop"]),
  ];
  for (const { code, stdout } of lists) {
    expect(code).toBe(0);
    expect(stdout).not.toContain(`${key.write_key}`.slice(5, -2));
    expect(stdout).not.toContain(`${token.token}`.slice(5, -2));
  }
  expect(lists.map(({ stdout }) => stdout).join()).toContain(`${key.hint}`);

  const revoked = await admin(["key", "revoke", `${key.id}`]);
  expect([revoked.code, revoked.stderr]).toEqual([0, expect.stringContaining("within 65 seconds")]);
  expect(await find(hashOfKey(`${key.write_key}`))).toBeNull();
  expect((await admin(["token", "revoke", `${token.id}`])).code).toBe(0);
  expect((await createTokenByHash(store.db)(hashOfToken(`${token.token}`)))?.revokedAt).toBeDefined();

  const log = await store.db.select().from(auditLog).orderBy(auditLog.id);
  expect(log.map(({ action, tokenHint }) => [action, tokenHint])).toEqual(
    ["workspace.add", "source.add", "key.add", "token.add", "key.revoke", "token.revoke"].map((action) => [
      action,
      "npm run admin",
    ]),
  );
});

test("as a process it takes its arguments and environment, writes to both streams, and ends with its code", async () => {
  const created = await inProcess(["workspace", "create", "--name", "Process", "--json"]);
  expect([created.code, created.stderr]).toEqual([0, ""]);
  expect(JSON.parse(created.stdout)).toMatchObject({ name: "Process", timezone: "UTC" });
  const [listed, refused, wrong, away] = await Promise.all([
    inProcess(["workspace", "list"]),
    inProcess(["key", "revoke", "nonsense"]),
    inProcess(["workspace", "drop"]),
    inProcess(["workspace", "list"], { POSTGRES_URL: "postgres://a:secret@127.0.0.1:1/x" }),
  ]);
  expect(listed).toEqual({ code: 0, stdout: expect.stringContaining("Process"), stderr: "" });
  expect(refused).toEqual({ code: 1, stdout: "", stderr: "millrace  There is no such key.\n" });
  expect(wrong).toEqual({ code: 2, stdout: "", stderr: expect.stringContaining("There is no command") });
  expect(away).toEqual({ code: 1, stdout: "", stderr: "millrace  The database does not answer, try again.\n" });
});

test("a key that clients have already is taken over once, one that everybody knows never", async () => {
  await made("workspace", "create", "--name", "Moving");
  const source = await made("source", "create", "--workspace", "Moving", "--name", "App");
  const existing = "0a1b2c3d4e5f6a7b8c9d";
  const key = await made("key", "create", "--source", "App", "--write-key", existing);
  expect(key.write_key).toBe(existing);
  expect(await createSourceByLookup(store.db)(hashOfKey(existing))).toMatchObject({ id: source.id });
  const again = await admin(["key", "create", "--source", "App", "--write-key", existing]);
  expect([again.code, again.stderr]).toEqual([1, "millrace  This write key exists already.\n"]);
  const known = await admin(["key", "create", "--source", "App", "--write-key", "wk_local"]);
  expect([known.code, known.stdout]).toEqual([2, ""]);
  expect(await createSourceByLookup(store.db)(hashOfKey("wk_local"))).toBeNull();
});

test("a workspace's tier and limits are the operator's to change, and hold for its sources", async () => {
  await made("workspace", "create", "--name", "Growing");
  await made("source", "create", "--workspace", "Growing", "--name", "Grown");
  const key = await made("key", "create", "--source", "Grown");
  const limits = async () => (await createSourceByLookup(store.db)(hashOfKey(`${key.write_key}`)))?.limits;
  const change = (...args: string[]) => made("workspace", "change", "--workspace", "Growing", ...args);
  await change("--tier", "pro");
  expect(await limits()).toEqual({ windowRequestsMax: 2_500, dayEventsMax: 10_000_000, own: false });
  await change("--window-requests", "9");
  expect(await limits()).toEqual({ windowRequestsMax: 9, dayEventsMax: 10_000_000, own: false });
  await change("--day-events", "none");
  expect(await limits()).toEqual({ windowRequestsMax: 9, dayEventsMax: null, own: false });
  await change("--tier", "default", "--day-events", "5");
  expect(await limits()).toEqual({ windowRequestsMax: 500, dayEventsMax: 5, own: false });
});

test("for people a record is one line for each field, and says that the secret is shown once", async () => {
  await made("workspace", "create", "--name", "People");
  await made("source", "create", "--workspace", "People", "--name", "Site");
  const { stdout } = await admin(["key", "create", "--source", "Site"]);
  expect(stdout).toMatch(/^write_key +wk_[\w-]{43} +\(shown once: keep it now\)$/m);
  expect((await admin(["token", "list", "--workspace", "People"])).stdout).toBe("none\n");
});

test.each<[args: string, code: number, sentence: string]>([
  ["source create --workspace Nowhere --name A", 1, 'There is no workspace "Nowhere".'],
  ["key create --source Nowhere", 1, 'There is no source "Nowhere".'],
  ["key revoke nonsense", 1, "There is no such key."],
  ["token revoke 00000000-0000-4000-8000-0000000000ff", 1, "There is no such token."],
  ["workspace drop", 2, "There is no command"],
])("%s ends with %i and a sentence", async (args, code, sentence) => {
  const ended = await admin(args.split(" "));
  expect([ended.code, ended.stdout]).toEqual([code, ""]);
  expect(ended.stderr).toContain(sentence);
});

test("a name that two have is refused, and a scope that is none", async () => {
  for (let i = 0; i < 2; i++) await made("workspace", "create", "--name", "Twin");
  const twin = await admin(["source", "list", "--workspace", "Twin"]);
  expect([twin.code, twin.stderr]).toEqual([1, expect.stringContaining("name one by its id")]);
  const token = await admin(["token", "create", "--workspace", "Shop", "--name", "x", "--scopes", "everything"]);
  expect([token.code, token.stderr]).toEqual([1, expect.stringContaining('"everything" is no scope')]);
});

test("the database is that of the environment, else of the local system that runs; without either it says so", async () => {
  const nowhere = await admin(["workspace", "list"], {});
  expect([nowhere.code, nowhere.stderr]).toEqual([
    1,
    expect.stringContaining("Set POSTGRES_URL, or start the local system"),
  ]);
  await writeFile(
    join(folder, "run.json"),
    JSON.stringify({ ingestUrl: "http://127.0.0.1:1", postgresUrl: fresh.url }),
  );
  expect((await admin(["workspace", "list"], {})).code).toBe(0);
  const away = await admin(["workspace", "list"], { POSTGRES_URL: "postgres://a:secret@127.0.0.1:1/x" });
  expect([away.code, away.stderr]).toEqual([1, "millrace  The database does not answer, try again.\n"]);
});

test("a database without tables is told how to get them", async () => {
  const empty = await freshPostgres(inject("engines").database.url, "empty");
  const { code, stderr } = await admin(["workspace", "list"], { POSTGRES_URL: empty.url });
  expect([code, stderr]).toEqual([1, expect.stringContaining("npm run migrate -- up")]);
  await empty.drop();
});
