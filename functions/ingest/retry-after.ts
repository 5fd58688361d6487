/** Whole seconds from `least` to 60 with jitter: a client told to come back after 1 s came 23 times in 22 s. S-3. */
export const retryAfterSeconds = (least: number): number =>
  Math.min(60, least + Math.floor(Math.random() * (least + 1)));
