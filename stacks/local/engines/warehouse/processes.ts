import { setTimeout as sleep } from "node:timers/promises";
import { DEFAULT_DATABASE, type Engine, quoted, type Setting } from "./engine.ts";
import { EngineError } from "./engine-error.ts";

/**
 * The embedded engine names its queries itself. The id that a caller gave travels beside it in a setting that shows in
 * system.processes and changes nothing while the query cache is off; that is how KILL and a closed connection find it.
 */
const ID_SETTING = "query_cache_tag";

/** system.processes with the callers' ids, and the engine's own as `engine_query_id`. */
export const PROCESSES = `(SELECT * REPLACE (if(Settings['${ID_SETTING}'] = '', query_id, Settings['${ID_SETTING}']) AS query_id), listed.query_id AS engine_query_id FROM system.processes AS listed)`;

export type Processes = {
  /** Runs `work` under this id; a second one of the same id is refused, as a server does (code 216). */
  track: <T>(queryId: string, work: (id: Setting) => Promise<T>) => Promise<T>;
  /** Ends the query of this id, and returns when it has ended. One that is still about to start is ended too. */
  end: (queryId: string) => Promise<void>;
  endAll: () => Promise<void>;
  /** How many run or wait. */
  count: () => number;
};

export function createProcesses(engine: Engine): Processes {
  const running = new Set<string>();
  const end = async (queryId: string) => {
    const kill = `KILL QUERY WHERE Settings['${ID_SETTING}'] = ${quoted(queryId)} ASYNC`;
    for (let waitMs = 5; running.has(queryId); waitMs = Math.min(waitMs * 2, 200)) {
      await engine.connect(DEFAULT_DATABASE, [], (connection) => connection.run(kill));
      await sleep(waitMs);
    }
  };
  return {
    track: async (queryId, work) => {
      if (running.has(queryId))
        throw new EngineError(
          216,
          "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING",
          `Query with id = ${queryId} is already running.`,
        );
      running.add(queryId);
      try {
        return await work([ID_SETTING, queryId]);
      } finally {
        running.delete(queryId);
      }
    },
    end,
    endAll: async () => {
      await Promise.all([...running].map(end));
    },
    count: () => running.size,
  };
}
