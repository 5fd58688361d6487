import type { Mutation } from "./mutations.ts";

const deliver = (part: string) => `functions/deliver/${part}.ts`;
const store = (part: string) => `functions/stores/clickhouse/${part}.ts`;
const faults = { testFile: "functions/testing/faults/writer.engine.test.ts" };
const line = { testFile: "functions/testing/faults/writer-line.engine.test.ts" };

/** Exactly once into the warehouse, and nothing that holds up a shard. */
export const WRITER_MUTATIONS: readonly Mutation[] = [
  {
    name: "writer: months go in one insert",
    file: deliver("by-month"),
    find: "if (monthOf(first) === monthOf(last)) return [events];",
    replace: "if (first <= last) return [events];",
    testFile: "functions/deliver/by-month.test.ts",
    test: "the last millisecond of a month and the first of the next are two inserts",
  },
  {
    name: "writer: rows of another writer pass for its own",
    file: deliver("store-once"),
    find: "if (stored === wanted) return wanted;",
    replace: "if (stored >= wanted) return wanted;",
    ...faults,
    test: "in two processes, cut differently",
  },
  {
    name: "writer: invocations of one shard do not wait for each other",
    file: deliver("store-once"),
    find: "const inTurn = createInTurn();",
    replace: "const inTurn = <T>(_: string, work: () => Promise<T>) => work();",
    ...faults,
    test: "in one process, cut differently",
  },
  {
    name: "writer: a time that nobody can believe is stored",
    file: deliver("store-once"),
    find: "if (pieces.every(({ frame }) => everyTime(frame, isSaneTime))) return pieces;",
    replace: "if (pieces.length > 0) return pieces;",
    ...faults,
    test: "a clock far ahead",
  },
  {
    name: "writer: what is too much for the engine's memory is not halved",
    file: deliver("store-once"),
    find: "countOf(events) > 1;",
    replace: "countOf(events) < 1;",
    ...faults,
    test: "for the engine's memory is stored in halves",
  },
  {
    name: "writer: a record whose texts are broken holds up its shard",
    file: deliver("deliver"),
    find: "if (broken.length === 0) throw error;",
    replace: "if (broken.length >= 0) throw error;",
    ...faults,
    test: "a frame with a text too few",
  },
  {
    name: "writer: no time for a batch is reported, and the same batch comes again",
    file: deliver("deliver"),
    find: "if (error instanceof OutOfTime && isFirst && records.length > 1) throw error;",
    replace: "",
    testFile: "functions/deliver/deliver.test.ts",
    test: "F17 no time for the first chunk is thrown",
  },
  {
    name: "writer: a sequence number of any length is taken",
    file: deliver("prepare"),
    find: "if (seq.length > SEQ_DIGITS_MAX)",
    replace: "if (seq.length > 1_000)",
    ...faults,
    test: "a sequence number that the table cannot hold",
  },
  {
    name: "writer: a bad row that is no JSON cannot be made a letter",
    file: "functions/event/frame-event.ts",
    find: "    return text;",
    replace: '    throw new Error("no JSON");',
    ...faults,
    test: "properties that are no JSON",
  },
  {
    name: "writer: a frame with a time too few is taken",
    file: "functions/event/frame.ts",
    find: "if (FIXED.some(([at, bytes]) => columns[at]?.length !== events * bytes))",
    replace: "if (false)",
    ...faults,
    test: "a frame with a time too few",
  },
  {
    name: "writer: an event is stored without a column that it fills and the table lost",
    file: store("insert-events"),
    find: "if (used !== undefined) throw",
    replace: "if (used === null) throw",
    ...faults,
    test: "that drops a column",
  },
  {
    name: "writer: an insert has no token",
    file: store("insert-rows"),
    find: "insert_deduplication_token: token,",
    replace: "",
    testFile: "functions/stores/clickhouse/insert-rows.engine.test.ts",
    test: "the same token again stores nothing, another one does",
  },
  {
    name: "writer: an exception in the body of a 200 is success",
    file: store("insert-rows"),
    find: 'if (answer === "" && code === undefined) return;',
    replace: "if (answer !== code) return;",
    ...line,
    test: "is not success: the batch comes again and is stored once",
  },
  {
    name: "writer: a connection that the server closed fails the batch",
    file: store("stale-socket"),
    find: "return ask(true);",
    replace: "throw error;",
    ...line,
    test: "costs one transparent repeat",
  },
];
