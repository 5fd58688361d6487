/** The other end closed the connection before it answered; the driver gives some of these no code. */
const RESET = /^(socket hang up|The socket connection was closed)/i;

/**
 * Asks once more where the connection was closed before an answer: after a freeze the first request of an invocation meets
 * a socket that the server closed long ago (F22). For what may be asked twice: a question, or an insert under a token.
 */
export async function throughStaleSocket<T>(ask: (isAgain: boolean) => Promise<T>): Promise<T> {
  try {
    return await ask(false);
  } catch (error) {
    if (!wasReset(error)) throw error;
    return ask(true);
  }
}

const wasReset = (error: unknown): boolean =>
  error instanceof Error &&
  (["ECONNRESET", "EPIPE"].includes((error as NodeJS.ErrnoException).code ?? "") || RESET.test(error.message));
