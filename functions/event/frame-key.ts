import type { Frame } from "./frame.ts";
import { valuesOf } from "./frame-reader.ts";
import { type OrderKey, orderKeyOf } from "./order-key.ts";

/** Where the door would put this frame. All of its events share their bucket, or are one: the first tells. */
export function orderKeyOfFrame(frame: Frame, orderBuckets: number): OrderKey {
  const first = (name: string) => String(valuesOf(frame, name)[0] ?? "");
  const ids = { anonymousId: first("anonymous_id"), userId: first("user_id"), messageId: first("message_id") };
  return orderKeyOf(frame.workspaceId, ids, orderBuckets);
}
