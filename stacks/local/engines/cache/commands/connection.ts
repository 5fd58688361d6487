import type { Keyspace } from "../keyspace.ts";
import type { Reply } from "../reply.ts";
import type { CommandTable } from "./command.ts";

/** Commands on the server as a whole. */
export const connection: CommandTable = {
  PING: { arity: -1, run: (_, [message]) => message ?? "PONG" },
  ECHO: { arity: 2, run: (_, [message = ""]) => message },
  TIME: { arity: 1, run: (space) => [String(Math.floor(space.now() / 1_000)), String((space.now() % 1_000) * 1_000)] },
  DBSIZE: { arity: 1, run: (space) => space.size() },
  FLUSHDB: { arity: -1, run: flush },
  FLUSHALL: { arity: -1, run: flush },
  /** Nobody can subscribe over REST here, so nobody is reached. */
  PUBLISH: { arity: 3, run: () => 0 },
};

function flush(space: Keyspace): Reply {
  space.clear();
  return "OK";
}
