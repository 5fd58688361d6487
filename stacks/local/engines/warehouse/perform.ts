import { type Answer, NOTHING, summaryOf } from "./answer.ts";
import type { Asked } from "./body.ts";
import { type Call, READ_ONLY_USER } from "./call.ts";
import type { Connection, Engine, Setting } from "./engine.ts";
import { EngineError } from "./engine-error.ts";
import { createLane } from "./lane.ts";
import { readOnlySettings } from "./limits.ts";
import { PROCESSES, type Processes } from "./processes.ts";
import type { Scratch } from "./scratch.ts";
import { sendRows } from "./send-rows.ts";
import type { Statement } from "./statement.ts";

/** Does what a call asks for and answers it. Throws what went wrong; the door knows how to say it. */
export type Perform = (call: Call, asked: Asked, answer: Answer) => Promise<void>;

/** Read-backs of the writer wait for the inserts before them, so that they see these whole or not at all. */
const WRITER_ID = "writer:";
/** Each running query holds a thread of libuv's pool (`THREADS` in warehouse.ts); an insert and a KILL must find one. */
const READS_AT_ONCE = 24;
const CUSTOM_AT_ONCE = 8;
/** An upload may hold 64 MiB of memory until its rows are in. */
const UPLOADS_AT_ONCE = 16;

/** Inserts run one after the other; reads, custom SQL and uploads beside them and beside each other. */
export function createPerform(engine: Engine, processes: Processes, scratch: Scratch): Perform {
  const [writes, reads, custom] = [createLane(1), createLane(READS_AT_ONCE), createLane(CUSTOM_AT_ONCE)];
  const uploads = createLane(UPLOADS_AT_ONCE);

  return async (call, { statement, rows }, answer) => {
    const isCustom = call.user === READ_ONLY_USER;
    const settings = isCustom ? readOnlySettings(call.settings) : call.settings;
    const isReadOnly = settings.some(([name, value]) => name === "readonly" && value !== "0");
    const lane = isCustom ? custom : isWriters(call, statement) ? writes : reads;
    const connected = (use: (connection: Connection) => Promise<void>) =>
      processes.track(call.queryId, statement.kind === "rows" ? "read" : "write", (id: Setting) =>
        lane(() => engine.connect(call.database, [id, ...settings], use)),
      );
    if (isReadOnly && (statement.kind === "load" || statement.kind === "kill"))
      throw new EngineError(164, "READONLY", "Cannot execute query in readonly mode.");

    switch (statement.kind) {
      case "load":
        return uploads(async () => {
          const spooled = await scratch.spool(rows);
          try {
            await connected((connection) => load(connection, statement, spooled.path, answer));
          } finally {
            await spooled.remove();
          }
        });
      case "rows":
        return endedWithClient(call, answer, processes, () =>
          connected((connection) => sendRows(connection, statement, call, scratch, answer)),
        );
      case "kill":
        return engine.connect(call.database, settings, (connection) =>
          kill(connection, statement, call, processes, answer),
        );
      case "insert":
        return connected((connection) => runWhole(connection, statement.sql, call.format, answer));
      case "command":
        return connected((connection) => runWhole(connection, statement.sql, statement.format ?? call.format, answer));
      default:
        return statement satisfies never;
    }
  };
}

const isWriters = (call: Call, { kind }: Statement): boolean =>
  kind === "load" || kind === "insert" || (kind === "rows" && call.queryId.startsWith(WRITER_ID));

async function endedWithClient(
  call: Call,
  answer: Answer,
  processes: Processes,
  work: () => Promise<void>,
): Promise<void> {
  const end = () => void processes.end(call.queryId);
  answer.gone.addEventListener("abort", end);
  try {
    await work();
  } finally {
    answer.gone.removeEventListener("abort", end);
  }
}

/** chdb's own insert takes text formats only; from a file the engine reads any, with tokens and views as ever. */
async function load(
  connection: Connection,
  { into, settings, format }: Statement & { kind: "load" },
  path: string,
  answer: Answer,
): Promise<void> {
  const done = await connection.run(`${into} FROM INFILE '${path}' ${settings} FORMAT ${format}`);
  answer.begin(format, { ...summaryOf(done, 0), writtenRows: done.readRows, writtenBytes: done.readBytes });
  answer.end();
}

async function runWhole(connection: Connection, sql: string, format: string, answer: Answer): Promise<void> {
  const { bytes, ...done } = await connection.run(sql, format);
  answer.begin(format, summaryOf(done, bytes.length));
  await answer.write(bytes);
  answer.end();
}

/** Our own ids are in PROCESSES only, so the condition is put to that, and each query found is ended by its id. */
async function kill(
  connection: Connection,
  { where, mode, format }: Statement & { kind: "kill" },
  call: Call,
  processes: Processes,
  answer: Answer,
): Promise<void> {
  const status = { SYNC: "finished", ASYNC: "waiting", TEST: "unknown_status" }[mode];
  const found = `FROM ${PROCESSES} WHERE engine_query_id != queryID() AND (${where}\n)`;
  const ids = await connection.run(`SELECT query_id ${found} FORMAT JSONCompactColumns`);
  const { bytes } = await connection.run(
    `SELECT '${status}' AS kill_status, query_id, user, query ${found} FORMAT ${format ?? call.format}`,
  );
  const [queryIds = []] = JSON.parse(ids.bytes.toString()) as string[][];
  const ended = mode === "TEST" ? [] : queryIds.map((id) => processes.end(id));
  if (mode === "SYNC") await Promise.all(ended);
  answer.begin(format ?? call.format, NOTHING);
  await answer.write(bytes);
  answer.end();
}
