/**
 * Which requests the live view shows: at most `perSecond` of a source in this process, so that a busy source does not
 * write a line for each of its requests; a quiet one is shown whole. Bounded in memory. Decision 14b.
 */
export function createIsShown(perSecond: number): (sourceId: string, nowMs: number) => boolean {
  let second = 0;
  const shown = new Map<string, number>();
  return (sourceId, nowMs) => {
    const now = Math.floor(nowMs / 1_000);
    if (now !== second) {
      second = now;
      shown.clear();
    }
    const count = (shown.get(sourceId) ?? 0) + 1;
    shown.set(sourceId, count);
    return count <= perSecond;
  };
}
