import { hash, randomBytes } from "node:crypto";
import { type Masked, masked } from "../kit/masked.ts";

/** What an SDK sends to say which source it is. Public by nature (it is in every web page), masked all the same. */
export type WriteKey = Masked & { kind: "write key" };

export const writeKeyOf = (key: string): WriteKey => ({ ...masked(key), kind: "write key" });

/** `wk_` and 32 random bytes in base64url: 256 bits, so that its plain SHA-256 cannot be searched. Reliability E5. */
export const newWriteKey = (): WriteKey => writeKeyOf(`wk_${randomBytes(32).toString("base64url")}`);

/** SHA-256 in hexadecimal: all that is stored of a key, and what it is found by. Decision 12. */
export const hashOfKey = (key: string): string => hash("sha256", key);
