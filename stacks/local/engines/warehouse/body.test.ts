import type { IncomingMessage } from "node:http";
import { PassThrough } from "node:stream";
import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { bodyOf, statementOf } from "./body.ts";
import type { Call } from "./call.ts";

const CALL: Call = {
  query: "",
  settings: [],
  database: "cdp",
  format: "TabSeparated",
  queryId: "1",
  user: "default",
  waitEnd: false,
  blocksOut: false,
  blocksIn: false,
};
const requestOf = (encoding?: string) =>
  Object.assign(new PassThrough(), { headers: { "content-encoding": encoding } }) as unknown as IncomingMessage &
    PassThrough;

test.each([undefined, "gzip", "lz4"])(
  "a body (%s) that breaks off is an error, never a shorter body nor a wait without end",
  async (encoding) => {
    const request = requestOf(encoding);
    const read = buffer(bodyOf(CALL, request));
    request.write(gzipSync("rows").subarray(0, 12));
    setImmediate(() => request.destroy(new Error("aborted")));
    await expect(read).rejects.toThrow();
  },
);

test("rows that came with the statement and rows behind it are one stream", async () => {
  const request = requestOf();
  const asked = statementOf({ ...CALL, query: "INSERT INTO t" }, bodyOf(CALL, request));
  request.write("FORMAT TSV\n1\n");
  request.write(Buffer.alloc(100_000, "2\n"));
  request.end("3\n");
  const { statement, rows } = await asked;
  expect(statement).toMatchObject({ kind: "load", into: "INSERT INTO t\n" });
  expect((await buffer(rows)).toString()).toBe(`1\n${"2\n".repeat(50_000)}3\n`);
});
