/** `items` in lists of at most `size`, in their order. */
export function chunksOf<T>(size: number, items: readonly T[]): T[][] {
  const chunks: T[][] = [];
  for (let at = 0; at < items.length; at += size) chunks.push(items.slice(at, at + size));
  return chunks;
}
