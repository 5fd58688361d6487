import { mkdtemp, rm } from "node:fs/promises";
import { type IncomingHttpHeaders, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type ClickHouseClient, createClient } from "@clickhouse/client";
import { type Child, startChild } from "../../child.ts";
import { type EngineReady, engineFile } from "../list.ts";

export type Warehouse = {
  dataDir: string;
  url: string;
  child: Child<EngineReady>;
  client: ClickHouseClient;
  /** A request as curl sends it; `path` begins with `/?`. */
  http: (path: string, body?: string | Buffer, headers?: Record<string, string>) => Promise<HttpAnswer>;
  /** The engine again on the same data, after it was stopped or killed. */
  again: () => Promise<Warehouse>;
  stop: () => Promise<void>;
};
export type HttpAnswer = {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
  text: string;
  complete: boolean;
};

/** A warehouse of one test file's own, on a free port, its data removed by `stop`. */
export async function startWarehouse(dataDir?: string): Promise<Warehouse> {
  const folder = dataDir ?? (await mkdtemp(join(tmpdir(), "millrace-warehouse-")));
  const child = await startChild<unknown, EngineReady>(engineFile("warehouse"), { dataDir: folder, port: 0 });
  const { url } = child.ready;
  const client = createClient({ url, log: { level: 127 } });
  return {
    dataDir: folder,
    url,
    child,
    client,
    http: (path, body, headers) => http(`${url}${path}`, body, headers),
    again: async () => {
      await child.exited;
      return startWarehouse(folder);
    },
    stop: async () => {
      await client.close();
      await child.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function http(url: string, body?: string | Buffer, headers: Record<string, string> = {}): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const asking = request(url, { method: body === undefined ? "GET" : "POST", headers, agent: false }, (response) => {
      const parts: Buffer[] = [];
      const done = () => {
        const whole = Buffer.concat(parts);
        const { statusCode: status = 0, headers: answered, complete } = response;
        resolve({ status, headers: answered, body: whole, text: whole.toString(), complete });
      };
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("error", () => {}); // a broken end shows in `complete`
      response.on("close", done);
    });
    asking.on("error", reject);
    asking.end(body);
  });
}

/** Polls until `isTrue`; generous, since the machine may be busy. */
export async function until(isTrue: () => Promise<boolean>, what: string, limitMs = 20_000): Promise<void> {
  const giveUpAt = Date.now() + limitMs;
  while (!(await isTrue())) {
    if (Date.now() > giveUpAt) throw new Error(`never came true: ${what}`);
    await sleep(25);
  }
}
