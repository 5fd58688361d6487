export type Scored = { member: string; score: number };
export type SortedSet = ReturnType<typeof createSortedSet>;

/** A member's score, and members in Redis' order: by score, then by name. Sorted again only when read after a change. */
export function createSortedSet() {
  const scores = new Map<string, number>();
  let sorted: Scored[] | undefined;
  return {
    get: (member: string): number | undefined => scores.get(member),
    set: (member: string, score: number): void => {
      scores.set(member, score);
      sorted = undefined;
    },
    delete: (member: string): boolean => {
      sorted = undefined;
      return scores.delete(member);
    },
    size: (): number => scores.size,
    inOrder: (): readonly Scored[] => {
      sorted ??= [...scores].map(([member, score]) => ({ member, score })).sort(byScoreThenName);
      return sorted;
    },
  };
}

const byScoreThenName = (a: Scored, b: Scored): number =>
  a.score - b.score || (a.member < b.member ? -1 : Number(a.member > b.member));
