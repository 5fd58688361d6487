/** The day of UTC of a time in milliseconds, as `yyyy-mm-dd`. */
export const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

/** The same as `yyyymmdd`: the counters of a source are found by it, so whoever writes them and whoever reads them call this. */
export const compactDayOf = (ms: number): string => dayOf(ms).replaceAll("-", "");
