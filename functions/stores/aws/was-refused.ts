/** The service read the call and declined it, or no connection was made at all: nothing was written, for certain. */
export function wasRefused(error: unknown): boolean {
  const { $fault, $metadata, code } = error as {
    $fault?: string;
    $metadata?: { httpStatusCode?: number };
    code?: string;
  };
  return ($fault === "client" && $metadata?.httpStatusCode !== undefined) || code === "ECONNREFUSED";
}
