import { pino, symbols } from "pino";
import { env } from "./env.ts";
import { errorShown } from "./error-shown.ts";

/** Written at once, or together once they fill a buffer: always in this thread, since a line costs less than handing it over. */
const destination = pino.destination({ dest: 2, sync: true, minLength: env.log.bufferBytes, periodicFlush: 500 });
process.on("exit", () => destination.flushSync());

/**
 * One JSON line per request, batch or job, on stderr: stdout belongs to a command's result.
 * Secrets mask themselves by their type; these paths are the second fence. Decision 25.
 */
export const log = pino(
  {
    level: env.log.level,
    base: null,
    messageKey: "message",
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: (error: unknown) => errorShown(error) },
    redact: {
      paths: ["write_key", "writeKey", "token", "password", "authorization", "*.authorization"],
      censor: "***",
    },
  },
  destination,
);

/**
 * A request's line, as pino would write it, for a third of what that costs: there is one for each event that is sent alone.
 * Nothing is masked here: its fields are named in `LogFields`, and none of them is a secret.
 */
export function logRequest(level: "info" | "error", fields: object): void {
  if (!log.isLevelEnabled(level)) return;
  const line = { level, time: new Date().toISOString(), ...fields, message: "request" };
  (log as unknown as Record<symbol, typeof destination>)[symbols.streamSym]?.write(`${JSON.stringify(line)}\n`);
}
