/** What the guards leave for the handlers of both doors. */
export type DoorVars = {
  Variables: {
    requestId: string;
    workspaceId: string;
    scopes: readonly string[];
    by: string;
    logged: LogFields;
    /** Headers of whatever will be the answer, and whether it has them already (`taken.ts`). */
    said: Record<string, string>;
    told?: boolean;
  };
};

/** What the request's one log line says beside method, path, status and duration. I-24. */
export type LogFields = {
  workspace_id?: string;
  source_id?: string;
  message_id?: string;
  event_type?: string;
  events?: number;
  /** Why the call was refused as a whole. */
  refused?: string;
  /** What is away, of an answer 503. */
  cause?: string;
  /** Refused events, with their payload where the settings allow it. */
  rejected?: readonly object[];
  /** What was accepted, where the settings ask for it. */
  accepted?: readonly string[];
};
