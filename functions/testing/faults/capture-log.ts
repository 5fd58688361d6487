import { symbols } from "pino";
import { log } from "../../kit/log.ts";

/** What this process logs from now on, as it would be written, until it is released. */
export function captureLog() {
  const lines: string[] = [];
  const logger = log as unknown as Record<symbol, unknown>;
  const [stream, level] = [logger[symbols.streamSym], log.level];
  logger[symbols.streamSym] = { write: (line: string) => void lines.push(line) };
  log.level = "info";
  return {
    lines: () => lines,
    release: () => {
      logger[symbols.streamSym] = stream;
      log.level = level;
    },
  };
}
