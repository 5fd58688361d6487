export type InTurn = <T>(name: string, work: () => Promise<T>) => Promise<T>;

/** Runs what has the same name one after the other, in the order of its coming, whatever became of the one before. */
export function createInTurn(): InTurn {
  const last = new Map<string, Promise<unknown>>();
  return async (name, work) => {
    const before = last.get(name);
    const own = before ? before.then(work, work) : work();
    last.set(name, own);
    try {
      return await own;
    } finally {
      if (last.get(name) === own) last.delete(name);
    }
  };
}
