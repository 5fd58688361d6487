import type { Progress } from "./run-demo.ts";

/** Where progress is shown: standard error, as a rule. */
export type Screen = { isTTY?: boolean; columns?: number; write: (text: string) => unknown };

const BAR_WIDTH = 28;
const REDRAW_MS = 100;
const LINE_MS = 3_000;

/**
 * A bar that redraws itself on a terminal; elsewhere a plain line every 3 s. Colour only on a terminal and without
 * `NO_COLOR` (no-color.org). `end` leaves the terminal's line clean.
 */
export function createProgress(screen: Screen, environment: NodeJS.ProcessEnv, now: () => number) {
  const colour = screen.isTTY === true && !environment.NO_COLOR;
  const started = now();
  let shownAt = screen.isTTY ? Number.NEGATIVE_INFINITY : started;
  const show = (progress: Progress) => {
    const at = now();
    if (at - shownAt < (screen.isTTY ? REDRAW_MS : LINE_MS)) return;
    shownAt = at;
    const text = progress.waiting ?? speedOf(progress, at - started);
    if (!screen.isTTY) return screen.write(`millrace  demo ${countOf(progress)}  ${text}\n`);
    const line = `${barOf(progress)} ${countOf(progress)}  ${text}`.slice(0, (screen.columns ?? 80) - 1);
    const full = line.lastIndexOf("█") + 1;
    screen.write(`\r${colour ? `\x1b[36m${line.slice(0, full)}\x1b[0m${line.slice(full)}` : line}\x1b[K`);
  };
  const end = () => {
    if (screen.isTTY) screen.write("\r\x1b[K");
  };
  return { show, end };
}

const countOf = ({ settled, total }: Progress) => `${settled.toLocaleString("en")} of ${total.toLocaleString("en")}`;

function barOf({ settled, total }: Progress): string {
  const full = Math.round((BAR_WIDTH * settled) / Math.max(total, 1));
  return "█".repeat(full) + "░".repeat(BAR_WIDTH - full);
}

function speedOf({ settled, total }: Progress, elapsedMs: number): string {
  const perSecond = (1_000 * settled) / Math.max(elapsedMs, 1);
  if (settled === 0) return "";
  return `${Math.round(perSecond).toLocaleString("en")}/s  ${Math.ceil((total - settled) / perSecond)} s left`;
}
