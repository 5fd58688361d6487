import * as z from "zod";

/** DateTime64(3) ends with the year 2299; what ClickHouse cannot hold it would wrap around. */
const YEAR_MAX = 2299;

/** A point in time as a client writes it: ISO 8601 with an offset (`2026-03-01T08:00:00Z`) or a UTC day. → milliseconds UTC. */
export const Instant = z
  .union([z.iso.datetime({ offset: true }), z.iso.date()], {
    error: "a time is ISO 8601, such as 2026-03-01T08:00:00Z or 2026-03-01",
  })
  .transform((text) => Date.parse(text))
  .refine((ms) => ms >= 0 && new Date(ms).getUTCFullYear() <= YEAR_MAX, {
    error: `a time lies between 1970 and ${YEAR_MAX}`,
  });
