import { onFirstCall } from "../kit/on-first-call.ts";

/** What is made with the first call and kept: a client, or a promise of one. */
export const once = <T>(make: () => T): (() => T) =>
  onFirstCall(() => {
    const made = make();
    return () => made;
  });

/** A setting that has to be there. Throws with the name of the variable that would set it. */
export function need(value: string | undefined, variable: string): string {
  if (value === undefined) throw new Error(`${variable} is not set`);
  return value;
}
