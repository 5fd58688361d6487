/** `work` for each item, at most so many at once; whatever fails, the others go on, and the first failure is thrown at once. */
export async function eachAtOnce<Item>(
  items: readonly Item[],
  most: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const left = items.values();
  const worker = async () => {
    for (const item of left) await work(item);
  };
  await Promise.all(Array.from({ length: most }, worker));
}

/** What `work` made of each item, in their order, so many at once; after a failure nothing more begins. */
export async function inGroups<From, To>(
  items: readonly From[],
  size: number,
  work: (item: From) => Promise<To>,
): Promise<To[]> {
  const done: To[] = [];
  for (let at = 0; at < items.length; at += size)
    done.push(...(await Promise.all(items.slice(at, at + size).map(work))));
  return done;
}
