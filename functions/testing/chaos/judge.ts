import { brokenIn, INVARIANTS, type Observed, type StoredRow } from "../faults/invariants.ts";
import type { Shop } from "./shop.ts";

/** What a run left of one workspace in the tables; rows stand in the order of the stream within their shard. */
export type Left = { rows: readonly StoredRow[]; letters: readonly string[] };

/** Everything that a run is judged by. */
export type Evidence = {
  shops: readonly { shop: Shop; left: Left }[];
  detoured: ReadonlySet<string>;
  /** What may stand in no log and no answer, and those of it that did. */
  secrets: readonly string[];
  told: ReadonlySet<string>;
  /** What the derived totals say otherwise than the events do. */
  wrongTotals: readonly string[];
  /** What still waited when the time was over; empty when all was drained. */
  waiting: readonly string[];
  /** Answers that nobody should have got. */
  odd: ReadonlySet<string>;
  /** How often each announced fault happened. */
  happened: ReadonlyMap<string, number>;
  /** Fewer acknowledged events than this show nothing. */
  ackedMin: number;
};

export type Verdict = { name: string; says: string; broken: readonly string[] };

const NAMES: Record<keyof typeof INVARIANTS, string> = {
  I1: "what was acknowledged is stored, what was refused is a dead letter",
  I2: "one row a position, one row an id",
  I3: "each key's events in the order of their requests",
  I5: "nothing stored that was not sent, or otherwise",
  I6: "what was never answered is stored once or not at all",
  I9: "no secret and nothing personal in logs and answers",
};

/** What holds and what does not, each with the ids that break it (the first ten of a workspace). */
export function judge(evidence: Evidence): Verdict[] {
  const observed = evidence.shops.map(({ shop, left }) => observedOf(evidence, shop, left));
  const broken = observed.map(brokenIn);
  const all = (name: keyof typeof INVARIANTS) => broken.flatMap((each) => each[name] ?? []);
  const invariants = (Object.keys(INVARIANTS) as (keyof typeof INVARIANTS)[]).map((name) => ({
    name,
    says: NAMES[name],
    broken: name === "I9" ? [...new Set(all(name))] : all(name),
  }));
  const silent = [...evidence.happened].filter(([, times]) => times === 0).map(([name]) => `"${name}" never happened`);
  const acked = observed.reduce((sum, each) => sum + each.acked.size, 0);
  return [
    ...invariants,
    { name: "I4", says: "every derived total is what the events say", broken: evidence.wrongTotals.slice(0, 10) },
    { name: "I10", says: "everything was drained in time", broken: evidence.waiting },
    { name: "refusals", says: "good events are taken, bad ones refused by name", broken: misjudged(evidence) },
    {
      name: "injected",
      says: "every announced fault happened, and enough was acknowledged",
      broken: [
        ...silent,
        ...(acked < evidence.ackedMin ? [`only ${acked} events were acknowledged, not ${evidence.ackedMin}`] : []),
      ],
    },
  ];
}

/** A letter that was sent again may be stored as well; what was mended must be. */
function observedOf({ detoured, secrets, told }: Evidence, shop: Shop, { rows, letters }: Left): Observed {
  const stored = new Set(rows.map(({ id }) => id));
  const isMended = (id: string) => shop.mended.has(id) || (shop.maybeMended.has(id) && stored.has(id));
  const acked = new Set([...shop.acked].filter((id) => !isMended(id)).concat([...shop.mended]));
  const refused = new Set([...shop.refused].filter((id) => !isMended(id)));
  return {
    sent: shop.sent,
    acked,
    refused,
    unknown: new Set([...shop.sent.keys()].filter((id) => !shop.acked.has(id) && !shop.refused.has(id))),
    detoured: new Set([...detoured, ...shop.maybeMended]),
    rows,
    letters: letters.filter((id) => !isMended(id)),
    output: [...told].join("\n"),
    secrets,
  };
}

function misjudged({ shops, odd }: Evidence): string[] {
  // Of one whose letter was mended and sent again, a copy of its own is a duplicate.
  const taken = shops.flatMap(({ shop: { acked, bad, mended, maybeMended } }) =>
    [...acked].filter((id) => bad.has(id) && !mended.has(id) && !maybeMended.has(id)),
  );
  const refused = shops.flatMap(({ shop }) => [...shop.refused].filter((id) => !shop.bad.has(id)));
  return [
    ...taken.slice(0, 10).map((id) => `${id} is bad and was taken`),
    ...refused.slice(0, 10).map((id) => `${id} is good and was refused`),
    ...[...odd].slice(0, 10),
  ];
}
