import { Writable } from "node:stream";
import { afterAll, expect, test, vi } from "vitest";

// Every module of the query door is loaded for it.
vi.setConfig({ testTimeout: 120_000 });

/** Lambda's own globals, as its runtime documents them: a handler is marked as streaming, and its head is given first. */
const heads: { statusCode: number; headers: Record<string, string> }[] = [];
vi.stubGlobal("awslambda", {
  streamifyResponse: (handler: unknown) => handler,
  HttpResponseStream: {
    from: (stream: Writable, head: (typeof heads)[number]) => {
      heads.push(head);
      return stream;
    },
  },
});
vi.stubEnv("POSTGRES_URL", "postgres://nobody@127.0.0.1:1/nothing");
// The environment is read when its module is loaded, which other files of this worker have done, and will do.
vi.resetModules();
afterAll(() => {
  vi.unstubAllGlobals();
  vi.unstubAllEnvs();
  vi.resetModules();
});

test("a call of the live view's function is answered as a stream, and needs a token", async () => {
  const { handler } = await import("./live.ts");
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write(chunk, _, done) {
      chunks.push(Buffer.from(chunk));
      done();
    },
  });
  const event = {
    version: "2.0",
    rawPath: "/live",
    rawQueryString: "source_id=00000000-0000-4000-8000-000000000002",
    headers: {},
    requestContext: { http: { method: "GET", path: "/live", sourceIp: "192.0.2.1" }, domainName: "api.example" },
    isBase64Encoded: false,
  };
  await (handler as unknown as (event: object, stream: Writable, context: object) => Promise<void>)(event, stream, {});
  expect(heads).toMatchObject([{ statusCode: 401 }]);
  expect(JSON.parse(Buffer.concat(chunks).toString())).toMatchObject({ code: "invalid_token" });
});
