type CronField = { name: string; min: number; max: number; names: string[]; wildcards: string };

const MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/** The fields of AWS's cron in order, with the values and wildcards that AWS allows in each. */
export const CRON_FIELDS: CronField[] = [
  { name: "minutes", min: 0, max: 59, names: [], wildcards: ", - * /" },
  { name: "hours", min: 0, max: 23, names: [], wildcards: ", - * /" },
  { name: "day-of-month", min: 1, max: 31, names: [], wildcards: ", - * ? / L W" },
  { name: "month", min: 1, max: 12, names: MONTHS, wildcards: ", - * /" },
  { name: "day-of-week", min: 1, max: 7, names: DAYS, wildcards: ", - * ? L #" },
  { name: "year", min: 1970, max: 2199, names: [], wildcards: ", - * /" },
];

/** The same field in croner's spelling. Throws with the field's name, what stands there and what may. */
export function translateField(index: number, text: string): string {
  const field = CRON_FIELDS[index];
  if (!field) throw new Error(`there is no field ${index}`);
  const refuse = (why: string) =>
    new Error(
      `"${text}" in ${field.name} is refused: ${why} (${field.min}-${field.max}, wildcards ${field.wildcards})`,
    );
  const items = text.toUpperCase().split(",");
  if (items.length > 1 && items.some((item) => /[#W?]/.test(item.replace(/^[A-Z]{3}/, ""))))
    throw refuse("#, W and ? stand alone, not in a list");
  return items.map((item) => translateItem(field, item, refuse)).join(",");
}

function translateItem(field: CronField, item: string, refuse: (why: string) => Error): string {
  const number = (value: string): number => {
    const named = field.names.indexOf(value);
    const parsed = named >= 0 ? named + field.min : /^\d+$/.test(value) ? Number(value) : Number.NaN;
    if (!(parsed >= field.min && parsed <= field.max)) throw refuse(`"${value}" is no value of this field`);
    return parsed;
  };
  const allows = (wildcard: string) => field.wildcards.includes(wildcard);

  if (item === "*" || (item === "?" && allows("?"))) return "*";
  if (item === "L" && allows("L")) return field.name === "day-of-week" ? "7" : "L";
  if (item === "LW" && allows("W")) return "LW";
  const [, weekday] = /^(\d+)W$/.exec(item) ?? [];
  if (weekday && allows("W")) return `${number(weekday)}W`;
  const [, last] = /^(\d|[A-Z]{3})L$/.exec(item) ?? [];
  if (last && allows("#")) return `${number(last)}L`;
  const [, nth, which] = /^(\d|[A-Z]{3})#([1-5])$/.exec(item) ?? [];
  if (nth && which && allows("#")) return `${number(nth)}#${which}`;

  const [, from = "", to, step] = /^(\*|\w+)(?:-(\w+))?(?:\/(\d+))?$/.exec(item) ?? [];
  if (step !== undefined && !allows("/")) throw refuse("steps are not possible here");
  if (from === "" || (from === "*" && to !== undefined)) throw refuse(`"${item}" is no value, range or step`);
  const [low, high] = from === "*" ? [field.min, field.max] : [number(from), to === undefined ? undefined : number(to)];
  if (high !== undefined && high < low) throw refuse("a range goes upwards");
  if (step === undefined) return high === undefined ? `${low}` : `${low}-${high}`;
  if (Number(step) < 1 || Number(step) > field.max - field.min + 1) throw refuse(`a step of ${step} does not fit`);
  return `${low}-${high ?? field.max}/${Number(step)}`;
}
