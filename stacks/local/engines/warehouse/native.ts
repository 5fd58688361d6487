import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** One connection of the embedded engine, opaque to us. */
export type Handle = { readonly __handle: unique symbol };
export type NativeResult = { bytes: Buffer; elapsed: number; rowsRead: number; bytesRead: number };

/** The part of chdb's native addon that is used here. Errors carry the engine's text, `Code: N. DB::Exception: …`. */
export type Native = {
  /** The first call opens the data directory and reads `--config-file`; later ones join it. */
  CreateConnection: (path: string, args?: string[]) => Handle | null;
  /** Never while a query runs on this connection: that ends the engine for the whole process. */
  CloseConnection: (handle: Handle) => void;
  /** Runs on the calling thread: only for statements that cannot take long. */
  QueryWithConnection: (handle: Handle, sql: string, format: string) => string;
  /** Runs on a libuv thread; one at a time on a connection. */
  QueryAsyncConnection: (handle: Handle, sql: string, format: string) => Promise<NativeResult>;
};

/**
 * chdb's addon below its `Session`. A session's `close()` waits for every query of the process, so connections would
 * pile up behind one slow query, and its bound parameters go through one queue for all sessions.
 */
export function loadNative(): Native {
  const require = createRequire(import.meta.url);
  const { loadNative } = require(join(dirname(require.resolve("chdb")), "dist", "loader.js")) as {
    loadNative: () => Native;
  };
  return loadNative();
}
