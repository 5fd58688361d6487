import { inspect } from "node:util";

/** A secret that shows itself as its hint wherever it is printed: JSON, logs, templates, the console. Decision 25. */
export type Masked = {
  /** The secret itself: for its hash, and for the one answer that shows it. */
  reveal: () => string;
  /** `wk_ab…yz`: enough to recognise it by, useless to anybody else. */
  hint: string;
  toJSON: () => string;
  toString: () => string;
  [inspect.custom]: () => string;
};

/** Below this length two characters more or less are a good part of the secret; only its prefix shows then. */
const SHOWN_FROM_LENGTH = 20;

export function masked(secret: string): Masked {
  const hint =
    secret.length < SHOWN_FROM_LENGTH ? `${secret.slice(0, 3)}…` : `${secret.slice(0, 5)}…${secret.slice(-2)}`;
  const show = () => hint;
  // A getter would be read by whatever copies or logs an object; a function is not.
  return { reveal: () => secret, hint, toJSON: show, toString: show, [inspect.custom]: show };
}
