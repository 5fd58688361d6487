/** One line changed, and the test that must turn red. `find` stands exactly once in `file`. */
export type Mutation = { name: string; file: string; find: string; replace: string; testFile: string; test: string };

/** At least one for each stage of the path, each fact of the mapper, the migrations' checks and the import rules. */
export const MUTATIONS: readonly Mutation[] = [];
