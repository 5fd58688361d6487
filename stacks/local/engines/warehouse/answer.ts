import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Transform, Writable } from "node:stream";
import { toBlocks } from "./blocks.ts";
import type { Call } from "./call.ts";
import { encodersFor } from "./encodings.ts";
import type { Done, Engine } from "./engine.ts";
import { type EngineError, errorText, statusOf } from "./engine-error.ts";

/** What a statement did, in the words of `X-ClickHouse-Summary`. */
export type Summary = Omit<Done, "bytes"> &
  Record<"writtenRows" | "writtenBytes" | "resultRows" | "resultBytes", number>;
export const NOTHING: Summary = {
  readRows: 0,
  readBytes: 0,
  elapsedNs: 0,
  writtenRows: 0,
  writtenBytes: 0,
  resultRows: 0,
  resultBytes: 0,
};

/**
 * Of an answer of so many bytes. chdb does not count the rows of an answer, so those read stand for them: JDBC takes an
 * answer without result rows for an empty one.
 */
export function summaryOf({ readRows, readBytes, elapsedNs }: Omit<Done, "bytes">, resultBytes: number): Summary {
  return {
    ...NOTHING,
    readRows,
    readBytes,
    elapsedNs,
    resultBytes,
    resultRows: resultBytes > 0 ? Math.max(readRows, 1) : 0,
  };
}

export type Answer = {
  /** What the answer takes from the call: its id, and the encodings that the client can read. */
  heed: (call: Call) => void;
  /** Sends status and headers: from here an error can only stand in the body. */
  begin: (format: string, summary: Summary) => void;
  /** Resolves when there is room for more, at once when the client is gone. */
  write: (chunk: Buffer) => Promise<void>;
  end: () => void;
  /** Before `begin`: status and text. After it: the text behind the rows, and no proper end, so that no client takes them for all. */
  fail: (error: EngineError) => void;
  /** Aborted when the client has gone before the end. */
  gone: AbortSignal;
};

export function answerTo(request: IncomingMessage, response: ServerResponse, engine: Engine): Answer {
  const gone = new AbortController();
  const tag = randomBytes(8).toString("hex");
  let encoders: Transform[] = [];
  let broken = false;
  let inBlocks = false;
  let out: Writable = response;
  response.on("error", () => gone.abort());
  response.once("close", () => {
    if (!response.writableFinished) gone.abort();
  });
  response.setHeader("X-ClickHouse-Server-Display-Name", "millrace");
  response.setHeader("X-ClickHouse-Timezone", engine.timezone);
  /** When all has been passed on. Without the last chunk of its transfer encoding an answer is not whole. */
  const finish = () => {
    if (broken) response.socket?.destroySoon();
    else response.end();
  };
  return {
    gone: gone.signal,
    heed: (call) => {
      response.setHeader("X-ClickHouse-Query-Id", call.queryId);
      const chosen = encodersFor(call, request.headers["accept-encoding"]);
      if (chosen.name) response.setHeader("Content-Encoding", chosen.name);
      encoders = chosen.encoders;
      inBlocks = call.blocksOut;
    },
    begin: (format, summary) => {
      response.writeHead(200, {
        "Content-Type": contentType(format),
        "X-ClickHouse-Format": format,
        "X-ClickHouse-Summary": summaryText(summary),
        "X-ClickHouse-Exception-Tag": tag,
      });
      out = encoders.reduceRight<Writable>((next, encoder) => {
        encoder.pipe(next, { end: next !== response });
        return encoder;
      }, response);
      encoders.at(-1)?.once("end", finish);
    },
    write: async (chunk) => {
      if (gone.signal.aborted || out.write(chunk)) return;
      await once(out, "drain", { signal: gone.signal }).catch(() => {});
    },
    end: () => {
      if (encoders.length > 0) out.end();
      else finish();
    },
    fail: (error) => {
      const text = errorText(error, engine.version);
      if (response.headersSent) {
        broken = true;
        if (encoders.length > 0) out.end(lateError(text, tag));
        else response.write(lateError(text, tag), finish);
        return;
      }
      response.removeHeader("Content-Encoding");
      response.writeHead(statusOf(error), {
        "Content-Type": "text/plain; charset=UTF-8",
        "X-ClickHouse-Exception-Code": String(error.code),
        "X-ClickHouse-Summary": summaryText(NOTHING),
      });
      if (inBlocks) toBlocks().end(text).pipe(response);
      else response.end(text);
    },
  };
}

/** As ClickHouse ≥ 25.11 marks an error behind rows: between markers that the answer's own header announced. */
function lateError(text: string, tag: string): Buffer {
  const size = Buffer.byteLength(text);
  return Buffer.from(`\r\n__exception__\r\n${tag}\r\n${text}${size} ${tag}\r\n__exception__\r\n`);
}

function summaryText(summary: Summary): string {
  return JSON.stringify({
    read_rows: String(summary.readRows),
    read_bytes: String(summary.readBytes),
    written_rows: String(summary.writtenRows),
    written_bytes: String(summary.writtenBytes),
    total_rows_to_read: "0",
    result_rows: String(summary.resultRows),
    result_bytes: String(summary.resultBytes),
    elapsed_ns: String(summary.elapsedNs),
  });
}

function contentType(format: string): string {
  if (/^JSON.*EachRow|^NDJSON|^JSONLines/i.test(format)) return "application/x-ndjson; charset=UTF-8";
  if (/^JSON/i.test(format)) return "application/json; charset=UTF-8";
  if (/^CSV/i.test(format)) return `text/csv; charset=UTF-8; header=${/Names/.test(format) ? "present" : "absent"}`;
  if (/^(TSV|TabSeparated)/i.test(format)) return "text/tab-separated-values; charset=UTF-8";
  if (/^XML/i.test(format)) return "application/xml; charset=UTF-8";
  if (/^(Pretty|Vertical|Values|Markdown|SQLInsert)/i.test(format)) return "text/plain; charset=UTF-8";
  return "application/octet-stream";
}
