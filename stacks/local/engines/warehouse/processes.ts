import { setTimeout as sleep } from "node:timers/promises";
import { DEFAULT_DATABASE, type Engine, quoted, type Setting } from "./engine.ts";
import { EngineError } from "./engine-error.ts";

/**
 * The embedded engine names its queries itself. The id that a caller gave travels beside it in a setting that shows in
 * system.processes and changes nothing while the query cache is off; that is how KILL and a closed connection find it.
 */
const ID_SETTING = "query_cache_tag";

/** What `sendRows` puts behind a query's own text. */
export const INTO_PIPE = "\nINTO OUTFILE";

/** system.processes with the callers' ids and texts, and the engine's own id as `engine_query_id`. */
export const PROCESSES = `(SELECT * REPLACE (
if(Settings['${ID_SETTING}'] = '', query_id, Settings['${ID_SETTING}']) AS query_id,
splitByString('${INTO_PIPE.replace("\n", "\\n")}', query)[1] AS query
), listed.query_id AS engine_query_id FROM system.processes AS listed)`;

/** What only reads ends with its client and with the door; what changes something goes on to its end, as on a server. */
export type Kind = "read" | "write";
export type Processes = {
  /** Runs `work` under this id; a second one of the same id is refused, as a server does (code 216). */
  track: <T>(queryId: string, kind: Kind, work: (id: Setting) => Promise<T>) => Promise<T>;
  /** Ends the query of this id, and returns when it has ended. One that is still about to start is ended too. */
  end: (queryId: string) => Promise<void>;
  /** Ends every read, and returns when the writes have ended by themselves too. */
  drain: () => Promise<void>;
};

export function createProcesses(engine: Engine): Processes {
  const running = new Map<string, { kind: Kind; ended: Promise<unknown> }>();
  const end = async (queryId: string) => {
    const kill = `KILL QUERY WHERE Settings['${ID_SETTING}'] = ${quoted(queryId)} ASYNC`;
    for (let waitMs = 5; running.has(queryId); waitMs = Math.min(waitMs * 2, 200)) {
      await engine.connect(DEFAULT_DATABASE, [], (connection) => connection.run(kill));
      await sleep(waitMs);
    }
  };
  return {
    track: async (queryId, kind, work) => {
      if (running.has(queryId))
        throw new EngineError(
          216,
          "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING",
          `Query with id = ${queryId} is already running.`,
        );
      const working = work([ID_SETTING, queryId]).finally(() => running.delete(queryId));
      running.set(queryId, { kind, ended: working.catch(() => {}) });
      return working;
    },
    end,
    drain: async () => {
      const ends = [...running].map(([queryId, { kind, ended }]) => (kind === "read" ? end(queryId) : ended));
      await Promise.all(ends);
    },
  };
}
