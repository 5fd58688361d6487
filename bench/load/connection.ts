import { connect, type Socket } from "node:net";

export type Connection = {
  /** Writes a request; its answer goes to `answered`. One at a time. */
  send: (request: Buffer) => void;
  close: () => void;
};

/**
 * A kept HTTP/1.1 connection that costs the machine as little as Node allows: a request is a buffer, an answer is read
 * into one shared buffer and only looked at for its status and its end. `answered` gets the status, and the body's text;
 * `closed` is told once when the other side ends the connection.
 */
export async function openConnection(
  port: number,
  answered: (status: number, body: string) => void,
  closed: (why: string) => void,
): Promise<Connection> {
  const into = Buffer.allocUnsafeSlow(READ_BYTES);
  let pending = "";
  const socket: Socket = connect({
    host: "127.0.0.1",
    port,
    noDelay: true,
    onread: {
      buffer: into,
      callback: (bytes) => {
        pending += into.toString("latin1", 0, bytes);
        const answer = answerIn(pending);
        if (answer) {
          pending = "";
          answered(answer.status, answer.body);
        }
        return true;
      },
    },
  });
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  let closing = false;
  let why = "the server closed a connection";
  socket.on("error", (error) => {
    why = error.message;
  });
  socket.on("close", () => {
    if (!closing) closed(why);
  });
  return {
    send: (request) => socket.write(request),
    close: () => {
      closing = true;
      socket.destroy();
    },
  };
}

const READ_BYTES = 16 * 1_024;

/** The answer, once all of it is there. Both ways of saying where a body ends (RFC 9112, 6.3). */
export function answerIn(text: string): { status: number; body: string } | undefined {
  const headEnd = text.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const status = Number(text.slice(9, 12));
  const body = text.slice(headEnd + 4);
  const [, length] = /\r\ncontent-length: *(\d+)/i.exec(text) ?? [];
  if (length !== undefined) return body.length >= Number(length) ? { status, body } : undefined;
  return body.endsWith("0\r\n\r\n") ? { status, body } : undefined;
}
