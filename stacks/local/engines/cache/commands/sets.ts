import type { Keyspace } from "../keyspace.ts";
import type { Reply } from "../reply.ts";
import type { CommandTable } from "./command.ts";

export const sets: CommandTable = {
  SADD: { arity: -3, run: sadd },
  SREM: { arity: -3, run: srem },
  SMEMBERS: { arity: 2, run: (space, [key = ""]) => [...(space.read(key, "set") ?? [])] },
  SISMEMBER: {
    arity: 3,
    run: (space, [key = "", member = ""]) => Number(space.read(key, "set")?.has(member) ?? false),
  },
  SCARD: { arity: 2, run: (space, [key = ""]) => space.read(key, "set")?.size ?? 0 },
};

function sadd(space: Keyspace, [key = "", ...members]: string[]): Reply {
  const set = space.readOrMake(key, "set", () => new Set());
  const before = set.size;
  for (const member of members) set.add(member);
  return set.size - before;
}

function srem(space: Keyspace, [key = "", ...members]: string[]): Reply {
  const set = space.read(key, "set");
  const gone = members.filter((member) => set?.delete(member)).length;
  if (set?.size === 0) space.remove(key);
  return gone;
}
