import type { Context } from "hono";
import type { DoorVars } from "./vars.ts";

/** Adds a header to whatever will be the answer. */
export function say(c: Context<DoorVars>, name: string, value: string): void {
  c.get("said")[name] = value;
}

/** The answer 200 of a call that was taken, with all that was to be said, made in one piece: nothing is answered as often. */
export function taken(c: Context<DoorVars>, body: object): Response {
  c.set("told", true);
  return new Response(JSON.stringify(body), { headers: { "content-type": "application/json", ...c.get("said") } });
}
