import { AppError } from "../kit/errors.ts";

/** The answer to a replay whose queue did not take all of it. */
export const queueRefused = (replayId: string): AppError =>
  new AppError(
    "unavailable",
    `The retry queue did not take all of replay ${replayId}. Replay again: nothing is stored twice.`,
    { retryAfterSeconds: 5 },
  );
