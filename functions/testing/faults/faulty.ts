import { setTimeout as wait } from "node:timers/promises";
import { type Chance, createChance } from "./chance.ts";
import type { NextFault } from "./schedule.ts";

/**
 * What may happen to one call of a port.
 * `fail-before` nothing is done · `fail-after-apply` done, and the answer is lost · `partial` some entries are refused ·
 * `delay` done and answered, later · `hang` the caller's time ends unanswered, and the call is done after that ·
 * `duplicate` done twice · `reorder` the entries are done in another order · `corrupt` the bytes of the call are changed ·
 * `kill` this process dies before the call.
 */
export const FAULTS = [
  ...["fail-before", "fail-after-apply", "partial", "delay", "hang", "duplicate", "reorder", "corrupt", "kill"],
] as readonly Fault[];
export type Fault =
  | ("fail-before" | "fail-after-apply" | "partial" | "delay" | "hang")
  | ("duplicate" | "reorder" | "corrupt" | "kill");

/** How a port says what a fault did to it; a fault that it cannot meet is absent. */
export type Says<Args extends readonly unknown[], Answer> = {
  /** The answer, or the throw, of a call that did nothing. */
  refused: (...args: Args) => Answer;
  /** The answer, or the throw, of a call whose answer is lost; `answer` is what was lost, undefined where it is still to come. */
  unknown: (args: Args, answer: Answer | undefined) => Answer;
  /** Lets only some of a call's entries through. */
  partial?: (port: Port<Args, Answer>, args: Args, chance: Chance) => Promise<Answer>;
  reorder?: (port: Port<Args, Answer>, args: Args, chance: Chance) => Promise<Answer>;
  corrupt?: (args: Args, chance: Chance) => Args;
  /** A call's bytes as they are when it is made: a call that is done later carries those. */
  sent?: (args: Args) => Args;
};
type Port<Args extends readonly unknown[], Answer> = (...args: Args) => Promise<Answer>;

const DELAY_MS_MAX = 60;

/** A port, behind which the real one stands, that meets what `next` says of each call. Throws for a fault it cannot meet. */
export function faulty<Args extends readonly unknown[], Answer>(
  port: Port<Args, Answer>,
  says: Says<Args, Answer>,
  next: NextFault,
  chance: Chance = createChance(0),
): Port<Args, Answer> {
  return async (...args) => {
    const fault = next();
    switch (fault) {
      case undefined:
        return port(...args);
      case "fail-before":
        return says.refused(...args);
      case "fail-after-apply":
        return says.unknown(args, await port(...args));
      case "delay":
        await wait(chance() * DELAY_MS_MAX);
        return port(...args);
      case "hang":
        {
          const sent = says.sent?.(args) ?? args;
          next.late(wait(chance() * DELAY_MS_MAX).then(() => port(...sent)));
        }
        return says.unknown(args, undefined);
      case "duplicate":
        await port(...args);
        return port(...args);
      case "partial":
        if (says.partial) return says.partial(port, args, chance);
        break;
      case "reorder":
        if (says.reorder) return says.reorder(port, args, chance);
        break;
      case "corrupt":
        if (says.corrupt) return port(...says.corrupt(args, chance));
        break;
      case "kill":
        process.kill(process.pid, "SIGKILL");
        return new Promise<never>(() => {});
      default:
        return fault satisfies never;
    }
    throw new Error(`this port cannot meet ${fault}`);
  };
}
