import { LOCAL } from "../../stacks/local/local-mode.ts";
import type { Running } from "./local-system.ts";

export const basic = (key: string): string => `Basic ${Buffer.from(`${key}:`).toString("base64")}`;

/** A POST to the ingest door as an SDK makes it; `body` is sent as it is when it is text or bytes. */
export async function post(
  { ingestUrl }: Pick<Running, "ingestUrl">,
  path: string,
  body: unknown,
  headers: Record<string, string> = { authorization: basic(LOCAL.writeKey) },
) {
  const sent = typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body);
  const response = await fetch(`${ingestUrl}${path}`, { method: "POST", headers, body: sent });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

/** A call of the query door with the local token; `Body` is what the caller knows of the answer. */
export async function manage<Body = Record<string, unknown>>(
  { apiUrl }: Pick<Running, "apiUrl">,
  method: string,
  path: string,
  body?: unknown,
) {
  const response = await fetch(`${apiUrl}${path}`, {
    method,
    headers: { authorization: `Bearer ${LOCAL.apiToken}`, "content-type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Body };
}

/** A question to the query door with the local token. */
export const ask = (running: Pick<Running, "apiUrl">, path: string, body: unknown) =>
  manage<{ rows: Record<string, unknown>[] } & Record<string, unknown>>(running, "POST", path, body);

/** Rows of a SELECT over the ClickHouse door, one array a row; throws the engine's own text. */
export async function sql<Row extends unknown[]>(
  { clickhouseUrl }: Pick<Running, "clickhouseUrl">,
  query: string,
): Promise<Row[]> {
  const settings = "?database=cdp&output_format_json_quote_64bit_integers=0";
  const response = await fetch(`${clickhouseUrl}/${settings}`, {
    method: "POST",
    body: `${query} FORMAT JSONCompactEachRow`,
  });
  const text = await response.text();
  if (response.status !== 200) throw new Error(text);
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Row);
}
