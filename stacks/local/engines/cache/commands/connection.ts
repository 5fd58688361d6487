import type { Channels } from "../channels.ts";
import type { Keyspace } from "../keyspace.ts";
import type { Reply } from "../reply.ts";
import type { CommandTable } from "./command.ts";

/** Commands on the server as a whole. */
export const connection = ({ publish }: Channels): CommandTable => ({
  PING: { arity: -1, run: (_, [message]) => message ?? "PONG" },
  ECHO: { arity: 2, run: (_, [message = ""]) => message },
  TIME: { arity: 1, run: (space) => [String(Math.floor(space.now() / 1_000)), String((space.now() % 1_000) * 1_000)] },
  DBSIZE: { arity: 1, run: (space) => space.size() },
  FLUSHDB: { arity: -1, run: flush },
  FLUSHALL: { arity: -1, run: flush },
  PUBLISH: { arity: 3, run: (_, [channel = "", message = ""]) => publish(channel, message) },
});

function flush(space: Keyspace): Reply {
  space.clear();
  return "OK";
}
