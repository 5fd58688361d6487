import type { Mutation } from "./mutations.ts";

const deliver = (part: string) => ({
  file: `functions/deliver/${part}.ts`,
  testFile: `functions/deliver/${part}.test.ts`,
});
const queue = { testFile: "functions/stores/aws/message-lines.test.ts" };
const live = { file: "functions/http/routes/live.ts", testFile: "functions/http/routes/live.test.ts" };
const letters = { testFile: "functions/explore/dead-letters.engine.test.ts" };
const trace = { file: "functions/explore/trace.ts", testFile: "functions/explore/trace.engine.test.ts" };
const path = { testFile: "functions/entry/repair.engine.test.ts" };

/** What was refused or spilled, and its way back. */
export const REPAIR_MUTATIONS: readonly Mutation[] = [
  {
    name: "dead letters: characters go to the queue as they are",
    file: "functions/stores/aws/message-text.ts",
    find: "const REFUSED = /[\\ufffe\\uffff]/g;",
    replace: "const REFUSED = /\\uffff\\uffff/g;",
    ...queue,
    test: "with characters that a queue refuses come back as they were",
  },
  {
    name: "dead letters: a message has no end",
    file: "functions/stores/aws/message-text.ts",
    find: "bytes + own <= MESSAGE_BYTES_MAX && ",
    replace: "",
    ...queue,
    test: "of 100 KB come back whole, and no message is too large",
  },
  {
    name: "dead letters: one that was not taken is forgotten",
    file: "functions/stores/aws/reject-events.ts",
    find: "if (lost > 0) throw",
    replace: "if (lost === letters.length) throw",
    ...queue,
    test: "of which one message was declined are a fault",
  },
  {
    name: "spill: an answer that was lost counts as refused",
    file: "functions/stores/aws/message-lines.ts",
    find: 'return wasRefused(error) ? "refused" : "unknown";',
    replace: 'return "refused";',
    ...queue,
    test: "tells each frame's own outcome: its answer was lost",
  },
  {
    name: "consumer: a retried batch makes other dead letters",
    file: "functions/deliver/prepare.ts",
    find: 'letterIdOf(shard, kinesis.sequenceNumber, "", "decode")',
    replace: "String(Math.random())",
    testFile: "functions/deliver/deliver.test.ts",
    test: "a repeated batch makes the very same dead letters",
  },
  {
    name: "dead letters: a message that cannot be read holds up the others",
    ...deliver("dead-letter"),
    find: "        failed.push(messageId);",
    replace: "        throw error;",
    test: "a message that cannot be read returns alone, and holds nobody up",
  },
  {
    name: "dead letters: a message is done before its letters are stored",
    ...deliver("dead-letter"),
    find: "      return answer(Records.map(({ messageId }) => messageId));",
    replace: "      return answer([]);",
    test: "all return when the table is away",
  },
  {
    name: "dead letters: what was stored is stored again",
    file: "functions/stores/clickhouse/store-letters.ts",
    find: "byId.delete(id);",
    replace: "byId.has(id);",
    ...letters,
    test: "a letter that is delivered again, alone, among others, or with another time, is one row",
  },
  {
    name: "dead letters: a page ends within a moment and goes on behind it",
    file: "functions/explore/dead-letter-filter.ts",
    find: "{after_id: String})",
    replace: "{after_id: String} AND id = '')",
    ...letters,
    test: "goes through every letter once, the latest first, also where times are equal",
  },
  {
    name: "republish: a frame goes back as if it were clean",
    ...deliver("republish"),
    find: "    markSuspect(work.retry.record);\n",
    replace: "",
    test: "frames go back as they were, to where they were going, and suspect",
  },
  {
    name: "republish: frames of one key share a call",
    ...deliver("republish"),
    find: "    if (call.has(partitionKey)) continue;\n",
    replace: "    if (call.has(partitionKey)) call.set(String(call.size), work);\n",
    test: "two frames of one partition key never share a call",
  },
  {
    name: "republish: a frame that was not taken is done",
    ...deliver("republish"),
    find: 'results[index] === "stored"',
    replace: 'results[index] !== "unknown"',
    test: "a frame that was refused is put again, the others are not",
  },
  {
    name: "replay: the same attempt for ever",
    ...deliver("replay"),
    find: "attempt: letter.attempt + 1,",
    replace: "attempt: letter.attempt,",
    test: "goes as it was, as the next attempt",
  },
  {
    name: "replay: what fails again is taken up again",
    ...deliver("replay"),
    find: "Math.min(chosen.filter.to ?? Number.POSITIVE_INFINITY, ports.now())",
    replace: "chosen.filter.to ?? Number.MAX_SAFE_INTEGER",
    test: "a replay that fails again makes no loop",
  },
  {
    name: "replay: another workspace's record may be sent",
    ...deliver("replay"),
    find: "if (frame.workspaceId !== workspaceId && workspaceId !== NOBODY) return undefined;",
    replace: "",
    test: "a record that is another workspace's is refused",
  },
  {
    name: "live: a client that comes again is told all again",
    ...live,
    find: "let after = seen;",
    replace: "let after: string | undefined;",
    test: "a client that has seen all waits for what comes, and is told nothing again",
  },
  {
    name: "live: another workspace's source may be followed",
    ...live,
    find: "if (!(await ports.sourceIdsOf(c.var.workspaceId)).includes(asked.source_id))",
    replace: "if ((await ports.sourceIdsOf(c.var.workspaceId)).length === 0)",
    test: "another workspace's source is refused before anything is read",
  },
  {
    name: "trace: an id within another is taken for it",
    ...trace,
    find: ".filter((event) => event.id === messageId)",
    replace: ".filter((event) => event.id.includes(messageId) || request.request_id === messageId)",
    test: "an id that never came is not found, nor are ids that hold it",
  },
  {
    name: "trace: a row comes before it was accepted",
    ...trace,
    find: "accepted !== undefined && accepted > received_at ? accepted : received_at",
    replace: "received_at",
    test: "was replayed edited, and is stored",
  },
  {
    name: "path: a replay's event is another one",
    file: "functions/deliver/replay.ts",
    find: "  messageId: letter.messageId,\n  receivedAt",
    replace: "  messageId: letter.messageId + replayId,\n  receivedAt",
    ...path,
    test: "delivered twice, stores once",
  },
];
