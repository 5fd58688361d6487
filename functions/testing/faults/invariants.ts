/** An event as its client sent it. `n` grows with each event of one order key. */
export type SentEvent = { id: string; key: string; n: number; props: string };

/** A row as the table holds it; rows stand in the order of the stream within their shard. */
export type StoredRow = { id: string; key: string; n: number; props: string; position: string };

/** Everything a run left, once its faults are healed and its queues are empty. */
export type Observed = {
  sent: ReadonlyMap<string, SentEvent>;
  /** Ids that an answer called taken, accepted or known already, in the order of the answers. */
  acked: ReadonlySet<string>;
  /** Ids that an answer refused one by one, or on their own. */
  refused: ReadonlySet<string>;
  /** Ids of which no answer came, to no try of their client. */
  unknown: ReadonlySet<string>;
  /** Ids that took another way than the stream's own, past the budget: they keep no order (decision 4). */
  detoured: ReadonlySet<string>;
  rows: readonly StoredRow[];
  letters: readonly string[];
  /** Everything that was logged and answered. */
  output: string;
  /** What may stand nowhere in it. */
  secrets: readonly string[];
};

type Check = (observed: Observed) => string[];
export type Invariant = keyof typeof INVARIANTS;

/** Each says what breaks it, by name; nothing when it holds. reliability.md 1. */
export const INVARIANTS = {
  /** acked ⊆ stored ∪ dead letters, what was refused is a dead letter, and nothing is both. */
  I1: ({ acked, refused, rows, letters }) => {
    const [stored, dead] = [idsOf(rows), new Set(letters)];
    return [
      ...named(acked, (id) => !stored.has(id) && !dead.has(id), "was acked and is nowhere"),
      ...named(refused, (id) => !dead.has(id), "was refused and is no dead letter"),
      ...named(stored, (id) => dead.has(id), "is stored and a dead letter"),
    ];
  },
  /** One row a position, one row an id. */
  I2: ({ rows, unknown }) => [
    ...repeated(rows.map(({ position }) => position)).map((position) => `two rows at ${position}`),
    ...repeated(rows.map(({ id }) => id).filter((id) => !unknown.has(id))).map((id) => `${id} is stored twice`),
  ],
  /** Of one key the stored order is that of its acked requests. */
  I3: ({ rows, acked, detoured }) => {
    const last = new Map<string, StoredRow>();
    return rows.flatMap((row) => {
      if (!acked.has(row.id) || detoured.has(row.id)) return [];
      const before = last.get(row.key);
      last.set(row.key, row);
      return before && before.n > row.n ? [`of ${row.key}, ${before.id} is stored before ${row.id}`] : [];
    });
  },
  /** Nothing is stored that was not sent, and nothing otherwise than it was sent. */
  I5: ({ rows, sent }) =>
    rows.flatMap(({ id, key, n, props }) => {
      const event = sent.get(id);
      if (!event) return [`${id} was never sent`];
      return event.key === key && event.n === n && event.props === props ? [] : [`${id} is not what was sent`];
    }),
  /** What nobody knows is stored once or not at all. */
  I6: ({ rows, unknown }) =>
    repeated(rows.map(({ id }) => id).filter((id) => unknown.has(id))).map((id) => `unknown ${id} is stored twice`),
  /** No secret and nothing personal in logs and answers. */
  I9: ({ output, secrets }) =>
    secrets.filter((secret) => output.includes(secret)).map((secret) => `"${secret}" is told`),
} satisfies Record<string, Check>;

/** Every invariant that does not hold, with what breaks it (the first ten of each). */
export const brokenIn = (observed: Observed): Partial<Record<Invariant, string[]>> =>
  Object.fromEntries(
    Object.entries(INVARIANTS)
      .map(([name, check]) => [name, check(observed).slice(0, 10)] as const)
      .filter(([, faults]) => faults.length > 0),
  );

const idsOf = (rows: readonly StoredRow[]) => new Set(rows.map(({ id }) => id));

const named = (ids: Iterable<string>, isWrong: (id: string) => boolean, what: string) =>
  [...ids].filter(isWrong).map((id) => `${id} ${what}`);

function repeated(values: readonly string[]): string[] {
  const seen = new Set<string>();
  return values.filter((value) => seen.size === seen.add(value).size);
}
