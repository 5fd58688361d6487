import type { ClickHouseClient } from "@clickhouse/client";

/** A server's version as numbers, such as [26, 7]: settings are sent by it, since older servers refuse what they do not know. */
export type ServerVersion = readonly [major: number, minor: number];

/** Asks once and remembers; a failed question is asked again. */
export function serverVersion(clickhouse: Pick<ClickHouseClient, "query">): () => Promise<ServerVersion> {
  let known: ServerVersion | undefined;
  return async () => {
    if (known) return known;
    const answer = await clickhouse.query({ query: "SELECT version() AS version", format: "JSONEachRow" });
    const [row] = await answer.json<{ version: string }>();
    const [major, minor] = (row?.version ?? "").split(".").map(Number);
    if (!Number.isInteger(major) || !Number.isInteger(minor)) throw new Error("the server did not tell its version");
    known = [major ?? 0, minor ?? 0];
    return known;
  };
}

export const isAtLeast = ([major, minor]: ServerVersion, [wantedMajor, wantedMinor]: ServerVersion): boolean =>
  major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
