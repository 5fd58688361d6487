import { createReadStream } from "node:fs";
import { type Answer, NOTHING, summaryOf } from "./answer.ts";
import type { Call } from "./call.ts";
import { type Connection, type Done, quoted } from "./engine.ts";
import { EngineError } from "./engine-error.ts";
import { INTO_PIPE } from "./processes.ts";
import type { Pipe, Scratch } from "./scratch.ts";
import type { Statement } from "./statement.ts";

type Rows = Statement & { kind: "rows" };

/** The first part of an answer waits, so that an error that comes early still has its own status. */
const HELD_BYTES = 256 * 1024;

/**
 * The engine writes its answer into a pipe, in any format and as one well-formed whole, while the client reads it: a slow
 * client slows the query down, and memory holds `HELD_BYTES` of it. chdb's own chunks repeat headers and footers.
 */
export async function sendRows(
  connection: Connection,
  rows: Rows,
  call: Call,
  scratch: Scratch,
  answer: Answer,
): Promise<void> {
  if (answer.gone.aborted) return;
  const format = rows.format ?? call.format;
  const pipe = await scratch.pipe();
  const tail = rows.format ? rows.after : `FORMAT ${format}`;
  const sql = `${rows.before}${INTO_PIPE} ${quoted(pipe.path)} APPEND COMPRESSION 'none' ${tail}`;
  const ended = connection.run(sql).finally(pipe.close);
  ended.catch(() => {}); // told below, behind what the query wrote
  try {
    if (call.waitEnd) await sendWhenDone(pipe, ended, format, scratch, answer);
    else await sendAlong(pipe, ended, format, answer);
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== 62) throw error;
    // A syntax error may be about the clause that we added: the engine shall judge the caller's own text.
    const { bytes, ...done } = await connection.run(`${rows.before} ${rows.after}`, format);
    answer.begin(format, summaryOf(done, bytes.length));
    await answer.write(bytes);
  }
  answer.end();
}

async function sendAlong(pipe: Pipe, ended: Promise<Done>, format: string, answer: Answer): Promise<void> {
  const held: Buffer[] = [];
  let heldBytes = 0;
  for await (const chunk of pipe.chunks) {
    if (heldBytes > HELD_BYTES) {
      await answer.write(chunk);
      continue;
    }
    held.push(chunk);
    heldBytes += chunk.length;
    if (heldBytes <= HELD_BYTES) continue;
    answer.begin(format, NOTHING);
    await answer.write(Buffer.concat(held.splice(0)));
  }
  const done = await ended;
  if (heldBytes > HELD_BYTES) return;
  answer.begin(format, summaryOf(done, heldBytes));
  await answer.write(Buffer.concat(held));
}

/** `wait_end_of_query=1`: not a byte before the query has succeeded. */
async function sendWhenDone(
  pipe: Pipe,
  ended: Promise<Done>,
  format: string,
  scratch: Scratch,
  answer: Answer,
): Promise<void> {
  const spooled = await scratch.spool(pipe.chunks);
  try {
    const done = await ended;
    answer.begin(format, summaryOf(done, spooled.bytes));
    for await (const chunk of createReadStream(spooled.path)) await answer.write(chunk as Buffer);
  } finally {
    await spooled.remove();
  }
}
