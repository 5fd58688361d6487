/** Things that come out by their key, the smallest first; both in logarithmic time (a binary heap). */
export type Heap<T> = { push: (item: T) => void; peek: () => T | undefined; pop: () => T | undefined };

/** An empty heap. Items of the same key come out in an order that depends only on what was done before. */
export function createHeap<T>(keyOf: (item: T) => number): Heap<T> {
  const items: T[] = [];
  const isBelow = (one: number, other: number) => keyOf(items[one] as T) < keyOf(items[other] as T);
  const swap = (one: number, other: number) => {
    [items[one], items[other]] = [items[other] as T, items[one] as T];
  };
  const push = (item: T) => {
    let at = items.push(item) - 1;
    for (let parent = (at - 1) >> 1; at > 0 && isBelow(at, parent); parent = (at - 1) >> 1) {
      swap(at, parent);
      at = parent;
    }
  };
  const pop = () => {
    if (items.length < 2) return items.pop();
    swap(0, items.length - 1);
    const least = items.pop();
    for (let at = 0; ; ) {
      const left = 2 * at + 1;
      const child = left + 1 < items.length && isBelow(left + 1, left) ? left + 1 : left;
      if (child >= items.length || !isBelow(child, at)) return least;
      swap(child, at);
      at = child;
    }
  };
  return { push, peek: () => items[0], pop };
}
