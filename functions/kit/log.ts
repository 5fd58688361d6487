import { pino } from "pino";
import { env } from "./env.ts";
import { errorShown } from "./error-shown.ts";

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
  pino.destination({ dest: 2, sync: env.log.bufferBytes === 0, minLength: env.log.bufferBytes, periodicFlush: 500 }),
);
