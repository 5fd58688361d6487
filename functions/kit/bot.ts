import { isbot } from "isbot";

/** Agents repeat: each is judged once, until a flood of made-up ones empties the memory. */
const judged = new Map<string, boolean>();
const JUDGED_MAX = 2_000;
/** A longer one is none of a browser's, and is not worth its memory. */
const KEPT_CHARS_MAX = 1_024;

/** Whether a user agent is that of a robot, by the list of `isbot`. B-22. */
export function isBot(userAgent: string): boolean {
  const known = judged.get(userAgent);
  if (known !== undefined) return known;
  const bot = isbot(userAgent);
  if (userAgent.length > KEPT_CHARS_MAX) return bot;
  if (judged.size >= JUDGED_MAX) judged.clear();
  judged.set(userAgent, bot);
  return bot;
}
