/**
 * Runs one call at a time: what is asked while a run is under way waits and goes together in the next one. Each caller is
 * answered by the run that has its items, and fails with it.
 */
export function gathered<Item>(run: (items: readonly Item[]) => Promise<void>): {
  ask: (items: readonly Item[]) => Promise<void>;
  idle: () => boolean;
} {
  let current: Promise<void> | undefined;
  let next: { items: Item[]; done: Promise<void> } | undefined;

  const start = (items: readonly Item[]): Promise<void> => {
    const running = run(items).finally(() => {
      if (current === running) current = undefined;
    });
    current = running;
    return running;
  };
  return {
    idle: () => current === undefined && next === undefined,
    ask: (items) => {
      if (next) {
        for (const item of items) next.items.push(item);
        return next.done;
      }
      if (current === undefined) return start(items);
      const gathering = [...items];
      const begin = () => {
        next = undefined;
        return start(gathering);
      };
      next = { items: gathering, done: current.then(begin, begin) };
      return next.done;
    },
  };
}
