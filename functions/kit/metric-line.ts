/** One figure of an invocation. A `sum` is added to others of its name, a `value` stands beside them. */
export type Sample = {
  name: string;
  unit: "Count" | "Seconds" | "Bytes";
  kind: "sum" | "value";
  value: number;
  labels: Readonly<Record<string, string>>;
};

/** Samples since the last line; undefined in a process that writes no lines, and keeps none. */
let noted: Sample[] | undefined;

/** Keeps a figure for the line that ends the invocation, where there is one. */
export const noteSample = (sample: Sample): void => void noted?.push(sample);

/**
 * A deployed function has no door at which anybody could ask for its metrics: each invocation that counted anything ends
 * with one line in CloudWatch's Embedded Metric Format, which costs no call. Lambda runs one invocation at a time, so what
 * was counted since the last line is the invocation's own. Local mode does not use it.
 */
export const endsWithMetrics =
  <Args extends unknown[], Answer>(
    consumer: string,
    handler: (...args: Args) => Promise<Answer>,
    write: (line: string) => void = (line) => void process.stdout.write(`${line}\n`),
  ): ((...args: Args) => Promise<Answer>) =>
  async (...args) => {
    noted ??= [];
    try {
      return await handler(...args);
    } finally {
      for (const line of metricLines(consumer, noted.splice(0), Date.now())) write(line);
    }
  };

const NAMESPACE = "Millrace";
/** CloudWatch takes no longer array as a metric's value; what is beyond goes to a further line. */
const VALUES_MAX = 100;

/**
 * Samples as documents of the Embedded Metric Format, mostly one: names and units as in `/metrics`. Dimensions are the
 * consumer and, for what is said of a shard, the shard. Every other label stands in the property `by`, for searches only,
 * since each value of a dimension is a metric to be paid for. (Amazon CloudWatch user guide, "Specification: Embedded
 * metric format".)
 */
export function metricLines(consumer: string, samples: readonly Sample[], nowMs: number): string[] {
  const shards = [...new Set(samples.flatMap(({ labels }) => labels.shard ?? []))];
  const [first, ...others] = shards.length > 0 ? shards : [undefined];
  const isOf = (shard: string | undefined) => (sample: Sample) => sample.labels.shard === shard;
  return [
    ...linesOf(
      consumer,
      first,
      samples.filter((sample) => isOf(first)(sample) || isOf(undefined)(sample)),
      nowMs,
    ),
    ...others.flatMap((shard) => linesOf(consumer, shard, samples.filter(isOf(shard)), nowMs)),
  ];
}

function linesOf(consumer: string, shard: string | undefined, samples: readonly Sample[], nowMs: number): string[] {
  const lines: string[] = [];
  const [one, more]: [Sample[], Sample[]] = [[], []];
  const held = new Map<string, number>();
  for (const sample of samples) {
    const values = (held.get(sample.name) ?? 0) + (sample.kind === "value" ? 1 : 0);
    held.set(sample.name, values);
    (values > VALUES_MAX ? more : one).push(sample);
  }
  if (one.length > 0) lines.push(JSON.stringify(documentOf(consumer, shard, one, nowMs)));
  return more.length > 0 ? [...lines, ...linesOf(consumer, shard, more, nowMs)] : lines;
}

function documentOf(consumer: string, shard: string | undefined, samples: readonly Sample[], Timestamp: number) {
  const figures = new Map<string, number | number[]>();
  const by: Record<string, Record<string, number>> = {};
  for (const { name, kind, value, labels } of samples) {
    const known = figures.get(name);
    if (kind === "sum") figures.set(name, Number(known ?? 0) + value);
    else if (Array.isArray(known)) known.push(value);
    else figures.set(name, [value]);
    const { consumer: _, shard: __, ...more } = labels;
    const key = Object.values(more).join("/");
    if (key === "") continue;
    by[name] = { ...by[name], [key]: (by[name]?.[key] ?? 0) + value };
  }
  const ofShard = (sample: Sample) => shard !== undefined && sample.labels.shard === shard;
  const directive = (Dimensions: string[][], own: readonly Sample[]) => {
    const units = new Map(own.map(({ name, unit }) => [name, unit]));
    return { Namespace: NAMESPACE, Dimensions, Metrics: [...units].map(([Name, Unit]) => ({ Name, Unit })) };
  };
  const CloudWatchMetrics = [
    directive(
      [["consumer"]],
      samples.filter((sample) => !ofShard(sample)),
    ),
    directive([["consumer"], ["consumer", "shard"]], samples.filter(ofShard)),
  ].filter(({ Metrics }) => Metrics.length > 0);
  return {
    _aws: { Timestamp, CloudWatchMetrics },
    consumer,
    ...(shard !== undefined && { shard }),
    ...Object.fromEntries(figures),
    ...(Object.keys(by).length > 0 && { by }),
  };
}
