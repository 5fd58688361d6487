/** What a mapping says: the log of `functions/kit`, or a test's own. */
export type LocalLog = Record<"info" | "warn" | "error", (fields: object, message: string) => void>;
