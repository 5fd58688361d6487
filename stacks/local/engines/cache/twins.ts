import { ADMIT, SETTLE } from "../../../../functions/stores/redis/scripts.ts";
import type { Keyspace } from "./keyspace.ts";
import type { Reply } from "./reply.ts";

/** What a Lua script does, in JavaScript: atomic, since nothing else runs meanwhile. */
export type Twin = (space: Keyspace, keys: readonly string[], args: readonly string[]) => Reply;

/** The twin of each script, by the SHA-1 of its Lua text: a changed text has no twin until its twin is changed too. */
export const TWINS: ReadonlyMap<string, Twin> = new Map([
  [ADMIT.sha1, admit],
  [SETTLE.sha1, settle],
]);

function admit(space: Keyspace, [wk = "", epochKey = ""]: readonly string[], args: readonly string[]): Reply {
  const [known = "", source = "", sourceSeconds, request = "", bucket = "", claimSeconds, now = "", ...ids] = args;
  space.makeRoom(ids.length + 2);
  const epoch = space.read(epochKey, "string") ?? now;
  space.write(epochKey, "string", epoch);

  let workspace = known;
  let found: string | null = null;
  if (source !== "") space.write(wk, "string", source, space.now() + Number(sourceSeconds) * 1_000);
  else if (workspace === "") {
    found = space.read(wk, "string") ?? null;
    if (found === null) return [null, epoch, ""];
    workspace = JSON.parse(found).workspaceId;
  }

  const [prefix, mine] = [`${bucket}:${workspace}:`, `p:${request}`];
  const expiresAt = space.now() + Number(claimSeconds) * 1_000;
  let letters = "";
  for (const id of ids) {
    const held = space.read(prefix + id, "string");
    if (held === undefined) space.write(prefix + id, "string", mine, expiresAt);
    letters += held === undefined ? "f" : held === "c" ? "d" : "s";
  }
  return [found, epoch, letters];
}

function settle(space: Keyspace, _: readonly string[], args: readonly string[]): Reply {
  const [prefix = "", request = "", seconds, confirmed, ...ids] = args;
  const confirm = ids.slice(0, Number(confirmed));
  space.makeRoom(confirm.length);
  const expiresAt = space.now() + Number(seconds) * 1_000;
  for (const id of confirm) space.write(prefix + id, "string", "c", expiresAt);
  const own = ids.slice(confirm.length).filter((id) => space.read(prefix + id, "string") === `p:${request}`);
  return own.filter((id) => space.remove(prefix + id)).length;
}
