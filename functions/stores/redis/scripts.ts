import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** A Lua script, by which Redis knows it: its text, or the text's SHA-1. */
export type Script = { text: string; sha1: string };

/** Claims a request's ids, and names the source of its write key. */
export const ADMIT: Script = script("admit.lua");
/** Confirms or releases a request's claims. */
export const SETTLE: Script = script("settle.lua");

/** Like `sql/`, the scripts are read from under the working directory: a function's bundle carries the folder. */
function script(name: string): Script {
  const text = readFileSync(join("functions/stores/redis/scripts", name), "utf8");
  return { text, sha1: createHash("sha1").update(text).digest("hex") };
}
