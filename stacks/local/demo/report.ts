import { FLAWS } from "./flaws.ts";
import type { DemoResult } from "./run-demo.ts";
import { SOURCES } from "./tape.ts";
import { DEMO_TYPES, type Plan, timeline } from "./timeline.ts";

/** What a run did, for a person: taken and refused by type, the totals, the speed. */
export function textOf(plan: Plan, result: DemoResult): string {
  const { settled, accepted, duplicates, refused, byType, byCode, repeats, seconds } = result;
  const rows = DEMO_TYPES.map((type) => [type, byType[type].taken, byType[type].refused] as const);
  const codes = Object.entries(byCode).map(([code, count]) => `${code} ${number(count)}`);
  return [
    `millrace  demo: ${number(settled)} events of ${plan.days} days in ${seconds.toFixed(1)} s, ${number(speedOf(result))} events/s`,
    table(["", "taken", "refused"], [...rows, ["total", settled - refused, refused]]),
    `  accepted ${number(accepted)}, duplicates ${number(duplicates)}, refused ${number(refused)}${codes.length > 0 ? ` (${codes.join(", ")})` : ""}`,
    ...(refused > 0 ? ["  Some of the demo's events are broken on purpose; the door refuses them one by one."] : []),
    ...(repeats > 0 ? [`  ${number(repeats)} requests had to be sent again.`] : []),
    ...(duplicates > 0
      ? ["  Duplicates were in already: the same seed makes the same ids. Another --seed makes other people."]
      : []),
    "",
  ].join("\n");
}

/** The same for a machine. */
export function jsonOf(plan: Plan, result: DemoResult): string {
  const { byType, byCode, seconds, ...counts } = result;
  const rest = { by_type: byType, by_code: byCode, seconds: round(seconds), events_per_second: speedOf(result) };
  return `${JSON.stringify({ ...named(plan), ...counts, ...rest })}\n`;
}

/** What a plan would send, counted without sending it. */
export function preview(plan: Plan, json: boolean): string {
  const count = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, 0]));
  const [types, sources, flaws] = [count(DEMO_TYPES), count(SOURCES), count(FLAWS)];
  const add = (counts: Record<string, number>, name: string) => {
    counts[name] = (counts[name] ?? 0) + 1;
  };
  for (const { type, source, flaw } of timeline(plan)) {
    add(types, type);
    add(sources, source);
    if (flaw) add(flaws, flaw);
  }
  if (json) return `${JSON.stringify({ ...named(plan), dry_run: true, by_type: types, by_source: sources, flaws })}\n`;
  const sections: [string, Record<string, number>][] = [
    ["type", types],
    ["source", sources],
    ["flawed on purpose", flaws],
  ];
  const tables = sections.map(([title, counts]) => table([title, "events"], Object.entries(counts)));
  return `millrace  demo would send ${number(plan.events)} events of ${plan.days} days, and sent nothing\n${tables.join("\n")}\n`;
}

const named = ({ events, days, seed, now }: Plan) => ({ events, days, seed, now: new Date(now).toISOString() });
const number = (value: number) => value.toLocaleString("en");
const round = (seconds: number) => Math.round(seconds * 1_000) / 1_000;
const speedOf = ({ settled, seconds }: DemoResult) => Math.round(settled / Math.max(seconds, 0.001));

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = ([name, ...values]: readonly (string | number)[]) =>
    `  ${String(name).padEnd(18)}${values.map((value) => (typeof value === "number" ? number(value) : value).padStart(12)).join("")}`;
  return [head, ...rows].map(line).join("\n");
}
