import type { DeadLetter } from "../event/dead-letter.ts";
import { NOW, SOURCE, WORKSPACE } from "./builders.ts";

/** An event that its schema refused. */
export const aLetter = (fields: Partial<DeadLetter> = {}): DeadLetter => ({
  id: "letter-1",
  workspaceId: WORKSPACE,
  sourceId: SOURCE,
  messageId: "m-1",
  type: "track",
  event: "Order Completed",
  stage: "schema",
  code: "schema_conflict",
  field: "price",
  message: "price is a number, not a string",
  payloadKind: "event",
  payload: '{"type":"track","messageId":"m-1","event":"Order Completed"}',
  attempt: 1,
  trace: "request-1",
  replayId: "",
  receivedAt: NOW - 5,
  rejectedAt: NOW,
  ...fields,
});
