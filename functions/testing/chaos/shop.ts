import { randomUUID } from "node:crypto";
import { LOCAL } from "../../../stacks/local/local-mode.ts";
import { openPostgres } from "../../stores/postgres/client.ts";
import { workspaces } from "../../stores/postgres/schema/workspaces.ts";
import { createAddSource } from "../../stores/postgres/sources.ts";
import type { SentEvent } from "../faults/invariants.ts";

/** A workspace of a chaos run, its sources' keys, and what its clients have seen of each event. */
export type Shop = {
  name: string;
  workspaceId: string;
  writeKeys: string[];
  sent: Map<string, SentEvent>;
  acked: Set<string>;
  refused: Set<string>;
  /** Ids that every client's answer should refuse. */
  bad: Set<string>;
  /** Dead letters that were sent again with another payload: to the end, or perhaps. */
  mended: Set<string>;
  maybeMended: Set<string>;
};

/** The workspaces of a run, with two sources each. */
export async function openShops(postgresUrl: string, names: readonly string[]): Promise<Shop[]> {
  const { db, close } = openPostgres(postgresUrl);
  const shops: Shop[] = [];
  for (const name of names) {
    const workspaceId = shops.length === 0 ? LOCAL.workspaceId : randomUUID();
    await db.insert(workspaces).values({ id: workspaceId, name, tier: "enterprise" }).onConflictDoNothing();
    const writeKeys: string[] = [];
    for (const source of ["Web", "App"]) {
      const { writeKey } = await createAddSource(db)({ workspaceId, name: source });
      writeKeys.push(writeKey.reveal());
    }
    const nothing = { sent: new Map(), acked: new Set<string>(), refused: new Set<string>(), bad: new Set<string>() };
    shops.push({ name, workspaceId, writeKeys, ...nothing, mended: new Set(), maybeMended: new Set() });
  }
  await close();
  return shops;
}
